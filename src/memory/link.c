#include "link.h"

#include <sys/auxv.h>

#include "os.h"
#include "platform/random.h"
#include "platform/syscall.h"

struct link_key link_key = {.factor = 1, .inverse = 1, .limit = LINK_LIMIT};

#define DO_NOT_WAIT 1 /* GRND_NONBLOCK: early in the boot, the kernel has no random numbers yet */

/*
 * If the kernel refuses, for example because of a seccomp filter, 16 random bytes remain that it gave to the process at its start. The C library uses
 * them, too, so they are mixed.
 */
static void draw(uint64_t random[2]) {
  if (sys_raw(SYS_getrandom, (long)random, 2 * sizeof(*random), DO_NOT_WAIT, 0, 0, 0) == 2 * sizeof(*random)) return;
  const void *given = (const void *)getauxval(AT_RANDOM);
  if (given != NULL) memcpy(random, given, 2 * sizeof(*random));
  uint64_t state = random[0] ^ os_now_ms() ^ (uint64_t)sys_getpid() << 32;
  for (int i = 0; i < 2; i++) random[i] = random_next(&state) ^ random[1];
}

/* Of an odd number, modulo 2^64: each step doubles the bits that are right, from 3 on. */
static uint64_t inverse_of(uint64_t odd) {
  uint64_t inverse = odd;
  for (int bits = 3; bits < 64; bits *= 2) inverse *= 2 - odd * inverse;
  return inverse;
}

void link_start(void) {
  uint64_t random[2] = {0};
  draw(random);
  link_key.secret = random[0];
  link_key.factor = random[1] | 1;
  link_key.inverse = inverse_of(link_key.factor);
}
