#include "refuse.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

/*
 * The calls that may fail. Those that the kernel never refuses are not here. Nor are futex and rt_sigprocmask, whose calls come in pairs: no kernel serves
 * a wait and then refuses the wake, or blocks signals and then refuses to restore the mask.
 */
#define CALLS(CALL) \
  CALL(mmap, SYS_mmap, ENOMEM) \
  CALL(munmap, SYS_munmap, ENOMEM) \
  CALL(mremap, SYS_mremap, ENOMEM) \
  CALL(madvise, SYS_madvise, EAGAIN) \
  CALL(mprotect, SYS_mprotect, ENOMEM) \
  CALL(mincore, SYS_mincore, EAGAIN) \
  CALL(membarrier, SYS_membarrier, EPERM) \
  CALL(process_vm_readv, SYS_process_vm_readv, EPERM) \
  CALL(open, SYS_openat, EMFILE) \
  CALL(close, SYS_close, EIO) \
  CALL(read, SYS_read, EIO) \
  CALL(write, SYS_write, ENOSPC) \
  CALL(pread, SYS_pread64, EIO) \
  CALL(pwrite, SYS_pwrite64, ENOSPC) \
  CALL(fcntl, SYS_fcntl, EMFILE) \
  CALL(fstat, SYS_fstat, EIO) \
  CALL(stat, SYS_newfstatat, EACCES) \
  CALL(flock, SYS_flock, ENOLCK) \
  CALL(ftruncate, SYS_ftruncate, ENOSPC) \
  CALL(unlink, SYS_unlinkat, EROFS) \
  CALL(mkdir, SYS_mkdirat, EROFS) \
  CALL(rename, SYS_renameat2, EROFS) \
  CALL(access, SYS_faccessat, EACCES) \
  CALL(ioctl, SYS_ioctl, ENOTTY) \
  CALL(getcwd, SYS_getcwd, ENOENT) \
  CALL(getdents, SYS_getdents64, EIO) \
  CALL(rlimit, SYS_prlimit64, EPERM) \
  CALL(sysinfo, SYS_sysinfo, EPERM) \
  CALL(uname, SYS_uname, EPERM)

enum way { NEVER, ALWAYS, EVERY, CHANCE };

static struct call {
  const char *name;
  long number;
  int usual; /* the errno, if the rule names none */
  struct rule {
    enum way way; /* atomic */
    int error;
    uint64_t from, to; /* calls outside of these do not fail */
    uint64_t every;
    uint64_t chance, seed; /* in units of 2^-32 */
  } rule;
  uint64_t made; /* atomic: calls since the start */
} calls[] = {
#define ROW(name, number, error) {#name, number, error, {NEVER, 0, 0, 0, 0, 0, 0}, 0},
  CALLS(ROW)
#undef ROW
};
#define CALL_COUNT (sizeof(calls) / sizeof(calls[0]))

static uint64_t failed; /* atomic */

/* ---- The text. ---- */

static const struct {
  const char *name;
  int error;
} errors[] = {{"EPERM", EPERM},   {"ENOSYS", ENOSYS}, {"ENOMEM", ENOMEM}, {"EAGAIN", EAGAIN}, {"EINTR", EINTR},   {"EINVAL", EINVAL}, {"EIO", EIO},
              {"ENOSPC", ENOSPC}, {"EACCES", EACCES}, {"EMFILE", EMFILE}, {"EROFS", EROFS},   {"ENOENT", ENOENT}, {"EFAULT", EFAULT}};

static bool skip(const char **at, const char *word) {
  const size_t length = strlen(word);
  if (strncmp(*at, word, length) != 0) return false;
  *at += length;
  return true;
}

static bool read_number(const char **at, uint64_t *out) {
  const char *const start = *at;
  for (*out = 0; **at >= '0' && **at <= '9' && *at - start < 18; ++*at) *out = *out * 10 + (uint64_t)(**at - '0');
  return *at != start;
}

/* A chance from 0 to 1, such as 0.25, in units of 2^-32. */
static bool read_chance(const char **at, uint64_t *out) {
  uint64_t whole, part = 0, scale = 1;
  if (!read_number(at, &whole) || whole > 1) return false;
  if (skip(at, ".")) {
    const char *const start = *at;
    if (!read_number(at, &part) || *at - start > 9) return false;
    for (const char *digit = start; digit < *at; digit++) scale *= 10;
  }
  *out = (whole << 32) + (part << 32) / scale;
  return *out <= UINT64_C(1) << 32;
}

static bool read_error(const char **at, int *out) {
  uint64_t number;
  for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
    if (!skip(at, errors[i].name)) continue;
    *out = errors[i].error;
    return true;
  }
  if (!read_number(at, &number) || number == 0 || number > 4095) return false;
  *out = (int)number;
  return true;
}

static bool read_when(const char **at, struct rule *rule) {
  if (skip(at, "nth=")) {
    rule->way = ALWAYS;
    if (!read_number(at, &rule->from)) return false;
    rule->to = rule->from;
    return rule->from != 0;
  }
  if (skip(at, "every=")) {
    rule->way = EVERY;
    return read_number(at, &rule->every) && rule->every != 0;
  }
  if (skip(at, "p=")) {
    rule->way = CHANCE;
    return read_chance(at, &rule->chance);
  }
  if (skip(at, "seed=")) return read_number(at, &rule->seed);
  if (skip(at, "errno=")) return read_error(at, &rule->error);
  if (skip(at, "from=")) {
    if (rule->way == NEVER) rule->way = ALWAYS;
    return read_number(at, &rule->from);
  }
  if (!skip(at, "to=")) return false;
  if (rule->way == NEVER) rule->way = ALWAYS;
  return read_number(at, &rule->to);
}

static bool is_called(const char *name, const char *word, size_t length) { return strlen(name) == length && memcmp(name, word, length) == 0; }

/* One word, CALL:WHEN...; *at moves behind it, or to what is wrong. */
static bool read_word(const char **at, struct rule rules[CALL_COUNT]) {
  const char *const name = *at;
  const size_t length = strcspn(name, ":,");
  const bool all = is_called("all", name, length);
  bool found = all;
  for (size_t i = 0; i < CALL_COUNT && !found; i++) found = is_called(calls[i].name, name, length);
  if (!found || name[length] != ':') return false;
  struct rule rule = {.to = UINT64_MAX, .every = 1};
  for (*at = name + length; **at == ':';) {
    const char *const when = ++*at;
    if (read_when(at, &rule) && (**at == ':' || **at == ',' || **at == '\0')) continue;
    *at = when;
    return false;
  }
  if (rule.way == NEVER) { /* a seed or an errno alone says nothing of when */
    *at = name;
    return false;
  }
  for (size_t i = 0; i < CALL_COUNT; i++) {
    if (all || is_called(calls[i].name, name, length)) rules[i] = rule;
  }
  return true;
}

const char *refuse_read(const char *text) {
  struct rule rules[CALL_COUNT] = {0};
  const char *at = text;
  for (;;) {
    if (!read_word(&at, rules)) return at;
    if (*at == '\0') break;
    at++; /* the comma */
  }
  for (size_t i = 0; i < CALL_COUNT; i++) {
    if (rules[i].error == 0) rules[i].error = calls[i].usual;
    calls[i].rule = rules[i];
  }
  return NULL;
}

/* ---- The calls. ---- */

static bool is_to_fail(const struct rule *rule, uint64_t made) {
  const enum way way = __atomic_load_n(&rule->way, __ATOMIC_RELAXED);
  if (way == NEVER || made < rule->from || made > rule->to) return false;
  if (way == ALWAYS) return true;
  if (way == EVERY) return made % rule->every == 0;
  uint64_t drawn = (rule->seed ^ made << 20) + UINT64_C(0x9e3779b97f4a7c15); /* one step of splitmix64 */
  drawn = (drawn ^ drawn >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
  drawn = (drawn ^ drawn >> 27) * UINT64_C(0x94d049bb133111eb);
  return (drawn ^ drawn >> 31) >> 32 < rule->chance;
}

long refuse_answer(long number) {
  for (struct call *call = calls; call < calls + CALL_COUNT; call++) {
    if (call->number != number) continue;
    const uint64_t made = __atomic_add_fetch(&call->made, 1, __ATOMIC_RELAXED);
    if (!is_to_fail(&call->rule, made)) return 0;
    __atomic_fetch_add(&failed, 1, __ATOMIC_RELAXED);
    return -call->rule.error;
  }
  return 0;
}

void refuse_end(void) {
  for (size_t i = 0; i < CALL_COUNT; i++) __atomic_store_n(&calls[i].rule.way, NEVER, __ATOMIC_RELAXED);
}

uint64_t refuse_count(void) { return __atomic_load_n(&failed, __ATOMIC_RELAXED); }
