/*
 * Stacks, in full tracing, against those that the C library's backtrace tells on the same spot:   stacks CASE
 * What hakmem says is seen through its own tracer interface.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bare.h"
#include "chains.h"

/* ---- Chains of calls. ---- */

NO_FRAME_POINTER static void mixed(int depth, const char *where) {
  if (depth % 2 == 0) with(depth, where);
  else without(depth, where);
  KEEP();
}

static int in_qsort(const void *a, const void *b) {
  with(2, "qsort");
  return *(const int *)a - *(const int *)b;
}

NOINLINED static void all_chains(int rounds) {
  for (int i = 0; i < rounds; i++) {
    with(i % 40, "with");
    without(i % 40, "without");
    mixed(i % 20, "mixed");
    int numbers[3] = {i % 3, 1, 5};
    if (i % 16 == 0) qsort(numbers, 3, sizeof(int), in_qsort);
  }
  KEEP();
}

static void *chains_in_thread(void *arg) {
  all_chains((int)(size_t)arg);
  return NULL;
}

static int chains(void) {
  all_chains(4000);
  pthread_t t[4];
  for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, chains_in_thread, (void *)(size_t)1000);
  for (int i = 0; i < 4; i++) pthread_join(t[i], NULL);
  return result(20000);
}

/* With frame pointers alone, in functions that have them. */
static int records(void) {
  for (int i = 0; i < 4000; i++) with(i % 40, "with");
  return result(4000);
}

/* ---- Signal handlers: on the interrupted stack and on one of their own. ---- */

static void *kept[8];
static unsigned handled;

static void on_signal(int number) {
  (void)number;
  handled++;
  void **slot = &kept[handled % 8];
  void *mine = *slot;
  *slot = NULL; /* the next signal may come in here */
  const uint32_t of_interrupted = last_id;
  if (mine != NULL) free(mine);
  *slot = malloc(4000); /* a class that the loop does not use: its lists are whole whenever we come */
  last_id = of_interrupted;
}

static int signals(void) {
  static char stack[16384];
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof(stack)}, NULL);
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  for (int i = 0; i < 64; i++) free(malloc(4000));
  for (int own = 0; own < 2; own++) {
    if (own) action.sa_flags |= SA_ONSTACK;
    sigaction(SIGALRM, &action, NULL);
    timer_t timer;
    timer_create(CLOCK_MONOTONIC, NULL, &timer);
    timer_settime(timer, 0, &(struct itimerspec){{0, 200000}, {0, 200000}}, NULL);
    const time_t end = time(NULL) + 20; /* on a busy machine, many of them find another in the way */
    const unsigned enough = 60u * (unsigned)(own + 1);
    for (int i = 0; i < 60000 && handled < 1500u * (unsigned)(own + 1); i++) with(i % 8, "interrupted");
    while (compared < enough && time(NULL) < end) with(1, "interrupted");
    timer_delete(timer);
    for (int i = 0; i < 3; i++) raise(SIGALRM);
  }
  if (handled < 200) return fprintf(stderr, "stacks: only %u signals\n", handled), 1;
  return result(100);
}

/* A handler that takes a stack itself, in a place where nothing was interrupted. */
static void on_raised(int number) {
  (void)number;
  with(3, "handler");
}

static int handlers(void) {
  static char stack[65536];
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof(stack)}, NULL);
  struct sigaction action = {.sa_handler = on_raised};
  for (int i = 0; i < 200; i++) {
    action.sa_flags = i % 2 ? SA_ONSTACK : 0;
    sigaction(SIGUSR1, &action, NULL);
    raise(SIGUSR1);
  }
  return result(forced ? 0 : 200);
}

/* ---- Stacks that hakmem does not know, and small ones. ---- */

static uint32_t id_there;

NOINLINED static void take_there(int depth) {
  if (depth > 0) {
    take_there(depth - 1);
    KEEP();
    return;
  }
  last_id = 0;
  free(malloc(24));
  id_there = last_id;
}

static void coroutine(void) {
  take_there(3);
  KEEP();
}

/* How many frames of the stack lie in this program. */
static unsigned frames_here(uint32_t id) {
  extern const char __executable_start[], etext[];
  unsigned count = 0;
  for (uint32_t i = 0; i < told[id].count; i++) count += told[id].frames[i] - (uintptr_t)__executable_start < (uintptr_t)(etext - __executable_start);
  return count;
}

static int coroutines(void) {
  for (int i = 0; i < 50; i++) {
    char *stack = i % 2 ? mmap(NULL, 16384, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) : malloc(16384);
    run_on(stack, 16384, coroutine);
    if (frames_here(id_there) < 4) return fprintf(stderr, "stacks: %u frames in a coroutine\n", frames_here(id_there)), 1;
    if (i % 2) munmap(stack, 16384);
    else free(stack);
  }
  return 0;
}

static void *on_small_stack(void *arg) {
  take_there(3);
  return arg;
}

/* Prints how much of a stack the deepest of some allocations with stacks takes. */
static int small(void) {
  size_t most = 0;
  for (int i = 0; i < 50; i++) {
    char *stack = aligned_alloc(4096, 16384);
    memset(stack, 0x5a, 16384);
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    if (pthread_attr_setstack(&attributes, stack, 16384) != 0) return 2;
    pthread_t t;
    if (pthread_create(&t, &attributes, on_small_stack, NULL) != 0) return 2;
    pthread_join(t, NULL);
    size_t untouched = 0;
    while (untouched < 16384 && stack[untouched] == 0x5a) untouched++;
    if (16384 - untouched > most) most = 16384 - untouched;
    if (untouched == 0) return fprintf(stderr, "stacks: a stack of 16 KiB is used up\n"), 1;
    if (frames_here(id_there) < 4) return fprintf(stderr, "stacks: %u frames on a small stack\n", frames_here(id_there)), 1;
    free(stack);
  }
  printf("most: %zu bytes\n", most);
  return 0;
}

/* ---- Forks, while others take stacks. ---- */

static volatile sig_atomic_t stop;

static void *take_until_stopped(void *arg) {
  for (int i = 0; !stop; i++) without(i % 10, "beside a fork");
  return arg;
}

static int forks(void) {
  pthread_t t[3];
  for (int i = 0; i < 3; i++) pthread_create(&t[i], NULL, take_until_stopped, NULL);
  for (int i = 0; i < 150 || compared < 200; i++) {
    const pid_t pid = fork();
    if (pid == 0) {
      alarm(20);
      all_chains(3);
      _exit(differed != 0);
    }
    int status;
    if (waitpid(pid, &status, 0) != pid || status != 0) return fprintf(stderr, "stacks: a child ended with status 0x%x\n", status), 1;
  }
  stop = 1;
  for (int i = 0; i < 3; i++) pthread_join(t[i], NULL);
  return result(200);
}

/* ---- Frames that could mislead. ---- */

#if defined(__x86_64__)
/*
 * lie(function, how): calls function(), and keeps its frame pointer as it should or, with `how`, as the caller had it: the chain leaves
 * the caller out. For libunwind both are the same. No compiler makes such code.
 */
void lie(void (*function)(void), long how);
__asm__(".pushsection .text\n"
        ".globl lie\n"
        ".type lie, @function\n"
        "lie:\n"
        ".cfi_startproc\n"
        "  pushq %rbp\n"
        ".cfi_def_cfa_offset 16\n"
        ".cfi_offset %rbp, -16\n"
        "  testq %rsi, %rsi\n"
        "  jnz 1f\n"
        "  movq %rsp, %rbp\n"
        "1:\n"
        "  call *%rdi\n"
        "  popq %rbp\n"
        ".cfi_def_cfa_offset 8\n"
        "  ret\n"
        ".cfi_endproc\n"
        ".size lie, .-lie\n"
        ".popsection\n");

static void in_lie(void) {
  last_id = 0;
  free(malloc(24));
  KEEP();
}

NOINLINED static void call_lie(long how) {
  lie(in_lie, how);
  KEEP();
}

static int lies(void) {
  uint32_t right = 0;
  for (int i = 0; i < 3010; i++) {
    call_lie(i >= 10);
    if (i == 9) right = last_id;
  }
  if (last_id != right) fprintf(stderr, "stacks: taken in by a frame pointer\n");
  return last_id != right;
}
#else
static int lies(void) { return 77; }
#endif

/* Frames whose length changes from call to call, at the same return addresses: their ends are the frame pointer's matter. */
NOINLINED static void moving_frame(int depth, int seed) {
  char volatile room[(unsigned)(seed * 40503 + depth * 977) % 900 + 1];
  room[0] = 1;
  if (depth == 0) check("a moving frame");
  else moving_frame(depth - 1, seed);
  KEEP();
  room[0]++;
}

/* And a frame on a boundary of its own, whose end the tables tell by an expression. */
NOINLINED static void aligned_frame(int seed) {
  _Alignas(128) volatile char room[256];
  char volatile more[(unsigned)seed % 50 + 1];
  room[seed % 256] = more[0] = 1;
  check("an aligned frame");
  KEEP();
  room[0]++;
}

static int moving(void) {
  for (int i = 0; i < 3000; i++) {
    moving_frame(i % 9, i);
    aligned_frame(i);
  }
  return result(6000);
}

/* ---- Code without tables. ---- */

#if defined(__x86_64__)
static void in_bare(void) {
  last_id = 0;
  free(malloc(24));
  KEEP();
}

/* hakmem's frames behind the bare code are those of this function's caller and of its callers. */
NOINLINED static bool through(bare_call *call) {
  void *mine[64];
  const int count = backtrace(mine, 64);
  call(in_bare);
  KEEP();
  const struct told *t = &told[last_id];
  uint32_t at = 0, same = 0;
  while (at < t->count && t->frames[at] != (uintptr_t)call + BARE_RETURNS) at++;
  while (at + 2 + same < t->count && 1 + (int)same < count && t->frames[at + 2 + same] == (uintptr_t)mine[1 + same]) same++;
  if (last_id != 0 && same > 0 && 1 + (int)same >= count - 1) return true;
  show("in code without tables", t, mine, count);
  return false;
}

/* Bare code whose frame pointer leads to a list, in which the record after each one is itself. On a small stack, and on the usual one. */
void bare_with(void (*function)(void), void *pointer);
extern const char bare_with_returns[];
__asm__(".pushsection .text\n"
        ".type bare_with, @function\n"
        "bare_with:\n"
        "  push %rbp\n"
        "  push %rbx\n"
        "  push %r12\n"
        "  mov %rsi, %rbp\n"
        "  call *%rdi\n"
        "bare_with_returns:\n"
        "  pop %r12\n"
        "  pop %rbx\n"
        "  pop %rbp\n"
        "  ret\n"
        ".size bare_with, .-bare_with\n"
        ".popsection\n");

static void *with_list(void *arg) {
  static const void *head[2];
  head[0] = head;
  head[1] = bare_with_returns;
  for (int i = 0; i < 3; i++) bare_with(in_bare, head);
  return arg;
}

static int bare(void) {
  pthread_attr_t small;
  pthread_t thread;
  with_list(NULL);
  if (pthread_attr_init(&small) != 0 || pthread_attr_setstacksize(&small, 16384) != 0 || pthread_create(&thread, &small, with_list, NULL) != 0) return 2;
  pthread_join(thread, NULL);
  bare_call *const made = bare_make();
  for (int i = 0; i < 5; i++) {
    if (!through(made) || !through(bare_assembler)) return 1;
  }
  return 0;
}
#else
static int bare(void) { return 0; }
#endif

int main(int argc, char **argv) {
  const char *const name = argc > 1 ? argv[1] : "";
  begin();
  if (strcmp(name, "chains") == 0) return chains();
  if (strcmp(name, "records") == 0) return records();
  if (strcmp(name, "lies") == 0) return lies();
  if (strcmp(name, "moving") == 0) return moving();
  if (strcmp(name, "signals") == 0) return signals();
  if (strcmp(name, "handlers") == 0) return handlers();
  if (strcmp(name, "coroutines") == 0) return coroutines();
  if (strcmp(name, "small") == 0) return small();
  if (strcmp(name, "forks") == 0) return forks();
  if (strcmp(name, "bare") == 0) return bare();
  fprintf(stderr, "usage: stacks CASE\n");
  return 2;
}
