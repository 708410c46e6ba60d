/*
 * hak_set: what hakmem.h says of hak_set, hak_snapshot and hak_profile_dump, function by function and error by error. Prints what is wrong.
 */
#include <errno.h>
#include <hakmem.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static int wrong;

static void equal(const char *what, int expected, int got) {
  if (expected == got) return;
  fprintf(stderr, "%s: %s instead of %s\n", what, strerrorname_np(got), strerrorname_np(expected));
  wrong = 1;
}

enum { BLOCKS = 4000 };

static void *work(void *end) {
  static __thread void *kept[BLOCKS];
  for (unsigned i = 0; !__atomic_load_n((int *)end, __ATOMIC_RELAXED); i++) {
    free(kept[i % BLOCKS]);
    kept[i % BLOCKS] = malloc(i * 7919u % 3000 + (i % 512 == 0 ? 100000 : 0));
  }
  for (unsigned i = 0; i < BLOCKS; i++) free(kept[i]);
  return NULL;
}

/* Four threads allocate and free while settings change 200 times. */
static void storm(void) {
  pthread_t threads[4];
  int end = 0;
  for (unsigned i = 0; i < 4; i++) pthread_create(&threads[i], NULL, work, &end);
  for (unsigned i = 0; i < 200; i++) {
    equal("PROFILE in a storm", 0, hak_set("PROFILE", i % 3 == 0 ? "1" : i % 3 == 1 ? "0" : "4K"));
    equal("GUARD in a storm", 0, hak_set("GUARD", i % 2 == 0 ? "200" : "0"));
    equal("LOG in a storm", 0, hak_set("LOG", i % 4 == 0 ? "hdr" : ""));
    if (i % 50 == 0) equal("hak_snapshot in a storm", 0, hak_snapshot());
  }
  equal("PROFILE", 0, hak_set("PROFILE", "0"));
  equal("GUARD", 0, hak_set("GUARD", "0"));
  __atomic_store_n(&end, 1, __ATOMIC_RELAXED);
  for (unsigned i = 0; i < 4; i++) pthread_join(threads[i], NULL);
}

/* What the library does for hak_set is no part of a later call, however long the program rests between them. */
static void rest_between(void) {
  static void *kept[20000];
  for (unsigned i = 0; i < 20000; i++) kept[i] = malloc(64);
  equal("GUARD, which maps memory", 0, hak_set("GUARD", "1000000"));
  sleep(1);
  for (unsigned i = 0; i < 20000; i++) free(kept[i]);
  equal("GUARD=0", 0, hak_set("GUARD", "0"));
}

/* A file that cannot be written whole is not left behind: the next try finds no file in its way. */
static void no_room(void) {
  struct rlimit before, small;
  getrlimit(RLIMIT_FSIZE, &before);
  small = (struct rlimit){1 << 20, before.rlim_max};
  signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  for (unsigned i = 0; i < 2; i++) equal("a file that is too large", EFBIG, hak_profile_dump("large.stats"));
  setrlimit(RLIMIT_FSIZE, &before);
}

int main(void) {
  static void *kept[100];
  struct stat status;
  errno = 77;
  equal("an unknown name", EINVAL, hak_set("PROFIL", "4K"));
  equal("an empty name", EINVAL, hak_set("", ""));
  equal("a value that is not allowed", EINVAL, hak_set("PROFILE", "4X"));
  equal("a value that is too large", EINVAL, hak_set("PROFILE", "4G"));
  equal("a word that is unknown", EINVAL, hak_set("LOG", "drain,x"));
  equal("an option of the start", EPERM, hak_set("DEBUG", "1"));
  equal("an option of the start, by its long name", EPERM, hak_set("HAKMEM_SS_SIZE", "4M"));
  equal("no tracer", ENODEV, hak_set("TRACE", "full"));
  equal("TRACE=off", 0, hak_set("TRACE", "off"));
  equal("a profile that never was", ENODATA, hak_profile_dump("none.stats"));
  rest_between();
  equal("PROFILE", 0, hak_set("PROFILE", "1"));
  for (unsigned i = 0; i < 100; i++) kept[i] = malloc(1000);
  equal("hak_profile_dump", 0, hak_profile_dump("own.stats"));
  equal("a file that is there", EEXIST, hak_profile_dump("own.stats"));
  no_room();
  equal("a folder that is not there", ENOENT, hak_profile_dump("no/where.stats"));
  equal("who may read it", 0, stat("own.stats", &status) == 0 && (status.st_mode & 0777) == 0600 ? 0 : EACCES);
  equal("GUARD", 0, hak_set("HAKMEM_GUARD", "1"));
  char *const guarded = malloc(4000);
  memset(guarded, 1, 4000);
  equal("GUARD=0", 0, hak_set("GUARD", "0"));
  free(guarded);
  equal("PROFILE=0", 0, hak_set("PROFILE", "0"));
  for (unsigned i = 0; i < 100; i++) free(kept[i]);
  equal("the profile is still there", 0, hak_profile_dump("after.stats"));
  equal("hak_snapshot", 0, hak_snapshot());
  equal("errno", 77, errno);
  storm();
  return wrong;
}
