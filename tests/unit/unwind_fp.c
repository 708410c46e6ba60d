/* Stacks by frame records, and the bounds of the stack. On aarch64, the function signs its return address, as in Debian's packages. */
#include "stacks/unwind_fp.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <ucontext.h>

#include <criterion/criterion.h>

#include "src/platform/base.h"

#if defined(__aarch64__)
#define SIGNS __attribute__((noinline, target("branch-protection=pac-ret")))
#else
#define SIGNS __attribute__((noinline))
#endif

static uintptr_t frames[8];

SIGNS static uintptr_t captured(uint32_t *count) {
  *count = fp_capture((uintptr_t)__builtin_frame_address(0), frames, 1);
  return (uintptr_t)__builtin_return_address(0);
}

Test(unwind_fp, a_frame_is_the_address_that_the_function_returns_to) {
  uint32_t count;
  const uintptr_t real = captured(&count);
  cr_assert_eq(count, 1);
  cr_assert_eq(frames[0], real);
}

/* ---- The bounds, if no file can be opened: then the kernel does not list the mappings. ---- */

#define STACK (64 * KIB)
#define NEEDED (16 * KIB) /* that libunwind needs */

static struct { uintptr_t at, end, size_below; } seen[4];
static unsigned seen_count;

NOINLINE static void look(void) {
  const uintptr_t at = (uintptr_t)__builtin_frame_address(0), end = fp_stack_end(at);
  seen[seen_count].at = at;
  seen[seen_count].end = end;
  seen[seen_count++].size_below = fp_room(at);
}

NOINLINE static void look_deeper(size_t bytes) {
  volatile char room[bytes];
  room[0] = room[bytes - 1] = 1;
  look();
  room[0]++;
}

static void *look_twice(void *deeper) {
  look();
  if (deeper != NULL) look_deeper((size_t)deeper);
  return (void *)pthread_self();
}

/* Criterion itself needs a file for an assertion that fails. */
static struct rlimit files;
static void forbid_files(void) {
  getrlimit(RLIMIT_NOFILE, &files);
  setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, files.rlim_max});
}
static void allow_files(void) { setrlimit(RLIMIT_NOFILE, &files); }

static uintptr_t in_thread(void *(*work)(void *), void *argument, void *stack) {
  pthread_attr_t attributes;
  pthread_t thread;
  void *self = NULL;
  pthread_attr_init(&attributes);
  if (stack != NULL) pthread_attr_setstack(&attributes, stack, STACK);
  forbid_files();
  const int error = pthread_create(&thread, &attributes, work, argument);
  if (error == 0) pthread_join(thread, &self);
  allow_files();
  cr_assert_eq(error, 0);
  return (uintptr_t)self;
}

Test(unwind_fp, a_thread_without_files_knows_its_stack) {
  const uintptr_t self = in_thread(look_twice, (void *)(MIB / 2), NULL);
  for (unsigned i = 0; i < 2; i++) {
    cr_assert_eq(seen[i].end, self);
    cr_assert_geq(seen[i].size_below, NEEDED);
  }
}

static void *look_often(void *deep) {
  for (unsigned i = 0; i < 4; i++) look_deeper((size_t)deep);
  return (void *)pthread_self();
}

/* One search is short, and the next one goes on where it ended. */
Test(unwind_fp, a_thread_without_files_finds_the_lower_part_of_a_deep_stack) {
  const uintptr_t self = in_thread(look_often, (void *)(3 * MIB), NULL);
  cr_assert_eq(seen[3].end, self);
  cr_assert_geq(seen[3].size_below, NEEDED);
}

Test(unwind_fp, the_first_thread_without_files_knows_its_stack) {
  forbid_files();
  look_twice((void *)(3 * MIB));
  allow_files();
  cr_assert_gt(seen[0].end, seen[0].at);
  cr_assert_geq(seen[0].size_below, NEEDED);
  cr_assert_eq(seen[1].end, seen[0].end);
}

Test(unwind_fp, the_first_thread_knows_its_stack_without_a_limit) {
  if (setrlimit(RLIMIT_STACK, &(struct rlimit){RLIM_INFINITY, RLIM_INFINITY}) != 0) cr_skip_test("the stack has a hard limit");
  look_twice((void *)(3 * MIB));
  for (unsigned i = 0; i < 2; i++) {
    cr_assert_gt(seen[i].end, seen[i].at);
    cr_assert_geq(seen[i].size_below, NEEDED);
  }
}

/* A stack of the program's own ends at the page that cannot be read below it. */
Test(unwind_fp, a_thread_without_files_knows_where_its_stack_begins) {
  char *const p = mmap(NULL, 2 * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(p, STACK, PROT_NONE);
  const uintptr_t self = in_thread(look_twice, (void *)(STACK / 2), p + STACK);
  for (unsigned i = 0; i < 2; i++) {
    cr_assert_eq(seen[i].end, self);
    cr_assert_eq(seen[i].size_below, seen[i].at - (uintptr_t)(p + STACK));
  }
}

/* A coroutine's stack is none of the thread's, however often they take turns. */
static ucontext_t thread_context, coroutine_context;
static char *coroutine_stack;

static void look_in_turns(void) {
  for (unsigned i = 0; i < 2; i++) {
    look();
    swapcontext(&coroutine_context, &thread_context);
  }
}

static void *look_in_both(void *unused) {
  getcontext(&coroutine_context);
  coroutine_context.uc_stack.ss_sp = coroutine_stack;
  coroutine_context.uc_stack.ss_size = STACK;
  makecontext(&coroutine_context, look_in_turns, 0);
  for (unsigned i = 0; i < 2; i++) {
    swapcontext(&thread_context, &coroutine_context);
    look();
  }
  (void)unused;
  return (void *)pthread_self();
}

Test(unwind_fp, a_coroutine_without_files_is_not_on_the_stack_of_its_thread) {
  char *const p = mmap(NULL, 3 * STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(p + STACK, STACK, PROT_NONE);
  coroutine_stack = p;
  const uintptr_t self = in_thread(look_in_both, NULL, p + 2 * STACK);
  for (unsigned i = 0; i < 4; i += 2) {
    cr_assert_eq(seen[i].end, 0);
    cr_assert_eq(seen[i].size_below, 0);
    cr_assert_eq(seen[i + 1].end, self);
  }
}
