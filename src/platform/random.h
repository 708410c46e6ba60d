/*
 * random.h: random numbers. A state is any 64-bit number, with one owner. No function allocates or waits. What random_next draws from a state that is no
 * secret is for sampling alone.
 */
#ifndef HAKMEM_RANDOM_H
#define HAKMEM_RANDOM_H

#include <string.h>
#include <sys/auxv.h>

#include "base.h"
#include "syscall.h"

/* The next 64 random bits (splitmix64: any first state will do, 0 included). */
static inline uint64_t random_next(uint64_t *state) {
  uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
}

/*
 * `count` times 64 bits that other processes cannot know. If the kernel refuses, because of a seccomp filter or early in the boot, 16 random bytes remain
 * that it gave this process at its start. The C library uses them, too, so they are mixed.
 */
static inline void random_secrets(uint64_t *secrets, size_t count) {
  enum { DO_NOT_WAIT = 1 }; /* GRND_NONBLOCK */
  if (sys_raw(SYS_getrandom, (long)secrets, (long)(count * sizeof(*secrets)), DO_NOT_WAIT, 0, 0, 0) == (long)(count * sizeof(*secrets))) return;
  uint64_t given[2] = {(uint64_t)sys_getpid() << 32, 0};
  const void *const bytes = (const void *)getauxval(AT_RANDOM);
  if (bytes != NULL) memcpy(given, bytes, sizeof(given));
  struct timespec now;
  sys_clock(CLOCK_MONOTONIC, &now);
  uint64_t state = given[0] ^ (uint64_t)now.tv_sec << 32 ^ (uint64_t)now.tv_nsec;
  for (size_t i = 0; i < count; i++) secrets[i] = random_next(&state) ^ given[1];
}

static inline uint64_t random_secret(void) {
  uint64_t secret;
  random_secrets(&secret, 1);
  return secret;
}

/*
 * An exponentially distributed number of mean 1, in units of 2^-32, by von Neumann's method, which needs no logarithm. It draws falling runs of uniform
 * numbers. Each run of even length adds 1. The first number of the first run of odd length is the fraction.
 */
static inline uint64_t random_exponential(uint64_t *state) {
  for (uint64_t whole = 0;; whole++) {
    uint64_t bits = random_next(state); /* two numbers */
    const uint32_t first = (uint32_t)(bits >> 32);
    uint32_t last = first, next = (uint32_t)bits;
    unsigned length = 1;
    while (next < last) {
      last = next;
      length++;
      if (length % 2 == 0) bits = random_next(state);
      next = (uint32_t)(length % 2 == 0 ? bits >> 32 : bits);
    }
    if (length % 2 == 1) return whole << 32 | first;
  }
}

/*
 * How many to skip before taking the next one, if each is taken with the chance 1 / rate, independent of all others. So the sample does not favour a
 * period in the program's behaviour. 0 for a rate of 1.
 */
static inline uint32_t random_gap(uint64_t *state, uint32_t rate) {
  if (rate <= 1) return 0;
  /* The scale that makes the whole part geometric is 1 / ln(rate / (rate - 1)) = rate - 1/2 - 1 / (12 rate) - 1 / (24 rate^2) - ... */
  const uint64_t one = 1u << 16, scale = rate * one - one / 2 - one / 12 / rate - one / 24 / rate / rate;
  const unsigned __int128 gap = (unsigned __int128)random_exponential(state) * scale >> 48;
  return gap < UINT32_MAX ? (uint32_t)gap : UINT32_MAX;
}

#endif
