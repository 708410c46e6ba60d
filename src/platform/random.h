/*
 * random.h: random numbers. A state is any 64-bit number, with one owner. No function allocates or waits. What random_next draws from a state that is no
 * secret is for sampling alone.
 */
#ifndef HAKMEM_RANDOM_H
#define HAKMEM_RANDOM_H

#include <sys/auxv.h>

#include "base.h"
#include "syscall.h"

/* 64 bits that other processes cannot know. If the kernel refuses, they come from those that it gave this process at its start. */
static inline uint64_t random_secret(void) {
  uint64_t secret = 0;
  if (sys_raw(SYS_getrandom, (long)&secret, sizeof(secret), 0, 0, 0, 0) == sizeof(secret)) return secret;
  const uint64_t *given = (const uint64_t *)getauxval(AT_RANDOM);
  return given != NULL ? given[0] * UINT64_C(0x9e3779b97f4a7c15) ^ given[1] : 0;
}

/* The next 64 random bits (splitmix64: any first state will do, 0 included). */
static inline uint64_t random_next(uint64_t *state) {
  uint64_t x = *state += UINT64_C(0x9e3779b97f4a7c15);
  x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
  return x ^ x >> 31;
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
