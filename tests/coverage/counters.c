/* Counts of what ran, for tests/coverage.sh: in a build with HAKMEM_COVERAGE, each library and each program that holds the core has this file.
 *
 * clang's own runtime writes its counts at exit. It would lose those of a process that ends by _exit, exec or a signal, and would call malloc within
 * malloc. Here the counts lie in a file that all processes with the same code map, so each increment is in the file at once. Before the constructor has
 * run, they lie in the library. Threads increment without atomic operations: a count can be too small, but not zero. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of clang's runtime: functions that neither allocate nor write files. */
uint64_t __llvm_profile_get_size_for_buffer(void);
int __llvm_profile_write_buffer(char *buffer);
const char *__llvm_profile_begin_data(void);
const char *__llvm_profile_end_data(void);
const char *__llvm_profile_begin_names(void);
const char *__llvm_profile_end_names(void);
char *__llvm_profile_begin_counters(void);
char *__llvm_profile_end_counters(void);

/* That this name is defined keeps clang's own way to the file out of the program. */
int __llvm_profile_runtime;

/* What instrumented code adds to the address of each counter. */
extern uintptr_t __llvm_profile_counter_bias __attribute__((visibility("hidden")));

/* The head of a raw profile, as clang 14 writes it. */
enum { VERSION = 1, IDS_SIZE = 2, RECORDS = 3, PADDING = 4, COUNTERS = 5, HEAD_WORDS = 11 };

/* FNV-1a. */
static uint64_t hash(uint64_t sum, const char *from, const char *to) {
  for (; from < to; from++) sum = (sum ^ (uint8_t)*from) * 0x100000001b3;
  return sum;
}

/* Of the functions' names and the hashes of their code: programs in which these are the same share a file. */
static uint64_t code_hash(void) {
  uint64_t sum = hash(0xcbf29ce484222325, __llvm_profile_begin_names(), __llvm_profile_end_names());
  const char *end = __llvm_profile_end_data();
  for (const char *record = __llvm_profile_begin_data(); record < end; record += 48) sum = hash(sum, record, record + 16);
  return sum;
}

__attribute__((constructor(101))) static void map_counters(void) {
  char name[512];
  uint64_t size = __llvm_profile_get_size_for_buffer();
  (void)snprintf(name, sizeof(name), "%s/%016jx.profraw", HAKMEM_COVERAGE_DIRECTORY, (uintmax_t)code_hash());
  int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (fd < 0) return; /* in a test that hides the folder: nothing is counted */
  (void)flock(fd, LOCK_EX);
  struct stat about;
  int fresh = fstat(fd, &about) == 0 && about.st_size == 0;
  char *file = MAP_FAILED;
  if (!fresh || (ftruncate(fd, (off_t)size) == 0 && fchmod(fd, 0666) == 0)) file = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (file != MAP_FAILED) {
    if (fresh) (void)__llvm_profile_write_buffer(file);
    const uint64_t *head = (const uint64_t *)(const void *)file;
    uint64_t data = (uint64_t)(__llvm_profile_end_data() - __llvm_profile_begin_data());
    uint64_t *counters = (uint64_t *)(void *)(file + HEAD_WORDS * sizeof(uint64_t) + head[IDS_SIZE] + data + head[PADDING]);
    const uint64_t *early = (const uint64_t *)(const void *)__llvm_profile_begin_counters();
    for (uint64_t i = 0; !fresh && i < head[COUNTERS]; i++) counters[i] += early[i];
    __llvm_profile_counter_bias = (uintptr_t)counters - (uintptr_t)early;
  }
  (void)flock(fd, LOCK_UN);
  (void)close(fd);
}
