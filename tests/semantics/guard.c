/*
 * Mistakes and handlers under HAKMEM_GUARD, for guard.sh:   guard WHAT
 *
 * Mistakes end by the signal that they deserve. Everything about handlers checks itself, and ends with status 0 or a line that says what is wrong.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void *(*volatile use_malloc)(size_t) = malloc;
static void (*volatile use_free)(void *) = free;
static void *(*volatile use_realloc)(void *, size_t) = realloc;

#define CHECK(x) \
  do { \
    if (!(x)) { \
      dprintf(STDERR_FILENO, "line %d: not so: %s\n", __LINE__, #x); \
      _exit(1); \
    } \
  } while (0)

/* ---- Mistakes. 96 bytes end at the guard page, 100 leave 12 bytes of slack. ---- */

__attribute__((noinline)) static volatile char *block(size_t size) {
  volatile char *p = use_malloc(size);
  CHECK(p != NULL);
  return p;
}

__attribute__((noinline)) static void write_to(volatile char *p) { *p = 1; }
__attribute__((noinline)) static char read_from(volatile char *p) { return *p; }

static void overflow_write(void) { write_to(block(96) + 96); }
static void overflow_read(void) { read_from(block(96) + 96); }
static void overflow_far(void) { write_to(block(96) + 96 + 200); }
static void overflow_large(void) { write_to(block(200000) + 200000); }
static void overflow_huge(void) { write_to(block(20000000) + 20000000); }
static void overflow_aligned(void) { write_to((volatile char *)aligned_alloc(4096, 8192) + 8192); }
static void overflow_nothing(void) { write_to(block(0)); }
static void underflow_write(void) { write_to(block(4096) - 1); }
static void underflow_read(void) { read_from(block(4096) - 3); }

static void use_after_free_write(void) {
  volatile char *p = block(100);
  use_free((void *)p);
  write_to(p + 7);
}

static void use_after_free_read(void) {
  volatile char *p = block(70000);
  use_free((void *)p);
  read_from(p);
}

static void use_after_realloc(void) {
  volatile char *p = block(100);
  CHECK(use_realloc((void *)p, 20) != NULL);
  write_to(p);
}

static void slack(void) { /* found when it is freed; the program goes on */
  volatile char *p = block(100);
  write_to(p + 102);
  use_free((void *)p);
  p = block(100);
  write_to(p - 2);
  use_free((void *)p);
}

static void *freeing(void *p) {
  use_free(p);
  return NULL;
}

static void use_after_free_by_thread(void) {
  volatile char *p = block(100);
  pthread_t thread;
  CHECK(pthread_create(&thread, NULL, freeing, (void *)p) == 0 && pthread_join(thread, NULL) == 0);
  write_to(p);
}

static void wrong_pointers(void) {
  char *p = use_malloc(100), *q = use_malloc(100);
  use_free(p + 4);
  use_free(p);
  use_free(p);
  CHECK(use_realloc(p, 200) == NULL && errno == ENOMEM);
  CHECK(malloc_usable_size(p) == 0);
  CHECK(malloc_usable_size(q) == 100);
}

/* ---- What a guarded block is. ---- */

static void contents(void) {
  static const size_t sizes[] = {0, 1, 15, 16, 17, 100, 4095, 4096, 4097, 65536, 65537, 1 << 20, (1 << 20) + 1, 20000000};
  for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    const size_t size = sizes[i];
    unsigned char *p = use_malloc(size);
    CHECK(p != NULL && (uintptr_t)p % 16 == 0 && malloc_usable_size(p) >= size);
    memset(p, 0x11, size);
    p = use_realloc(p, size + 1);
    CHECK(p != NULL && (size == 0 || (p[0] == 0x11 && p[size - 1] == 0x11)));
    use_free(p);
    p = calloc(size + 1, 1);
    for (size_t k = 0; k <= size; k++) CHECK(p[k] == 0);
    use_free(p);
    for (size_t align = 32; align <= 1 << 21; align *= 4) {
      CHECK(posix_memalign((void **)&p, align, size) == 0 && (uintptr_t)p % align == 0);
      memset(p, 0x22, size);
      use_free(p);
    }
  }
}

/* ---- Handlers. ---- */

#define ALTERNATE 8192ul /* as programs do that never heard of more */

static sigjmp_buf again;
static volatile sig_atomic_t calls;
static siginfo_t seen;
static sigset_t mask_seen;
static volatile int on_alternate;
static char *alternate;

static void jump(int number) {
  (void)number;
  calls++;
  siglongjmp(again, 1);
}

static void look(int number, siginfo_t *info, void *context) {
  (void)number, (void)context;
  char here;
  seen = *info;
  on_alternate = alternate != NULL && &here > alternate && &here < alternate + ALTERNATE;
  pthread_sigmask(SIG_BLOCK, NULL, &mask_seen);
  calls++;
  siglongjmp(again, 1);
}

static void set(void (*handler)(int, siginfo_t *, void *), int flags, int also) {
  struct sigaction act = {.sa_sigaction = handler, .sa_flags = flags | SA_SIGINFO};
  if (also != 0) sigaddset(&act.sa_mask, also);
  CHECK(sigaction(SIGSEGV, &act, NULL) == 0);
}

/* Makes an access that faults and has the handler return. */
static void fault(volatile char *p) {
  const int before = calls;
  if (sigsetjmp(again, 1) == 0) {
    write_to(p);
    CHECK(p == NULL); /* the access was let through */
  }
  CHECK(calls == before + 1);
}

static void handler_jumps(void) {
  signal(SIGSEGV, jump);
  for (int i = 0; i < 3; i++) fault(block(96) + 96);
}

static void handler_contents(void) {
  set(look, 0, SIGUSR1);
  volatile char *p = block(96);
  fault(p + 96);
  CHECK(seen.si_signo == SIGSEGV && /* a mapping; a mark: */ (seen.si_code == SEGV_ACCERR || seen.si_code == SEGV_MAPERR) && seen.si_addr == (void *)(p + 96));
  CHECK(sigismember(&mask_seen, SIGSEGV) == 1 && sigismember(&mask_seen, SIGUSR1) == 1 && sigismember(&mask_seen, SIGUSR2) == 0);
  sigset_t now;
  pthread_sigmask(SIG_BLOCK, NULL, &now);
  CHECK(sigismember(&now, SIGSEGV) == 0 && sigismember(&now, SIGUSR1) == 0);
  set(look, SA_NODEFER, 0);
  fault(p + 96);
  CHECK(sigismember(&mask_seen, SIGSEGV) == 0);
  /* A fault that is none of a guarded block. */
  fault((volatile char *)16);
  CHECK(seen.si_addr == (void *)16 && seen.si_code == SEGV_MAPERR);
}

static void handler_alternate_stack(void) {
  stack_t stack = {.ss_size = ALTERNATE, .ss_sp = mmap(NULL, ALTERNATE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)};
  alternate = stack.ss_sp;
  CHECK(sigaltstack(&stack, NULL) == 0);
  set(look, SA_ONSTACK, 0);
  fault(block(96) + 96);
  CHECK(on_alternate);
  set(look, 0, 0);
  fault(block(96) + 96);
  CHECK(!on_alternate);
}

static void jump_too(int number) { jump(number); }

static void handler_old_values(void) {
  struct sigaction old, act = {.sa_handler = jump, .sa_flags = SA_RESTART};
  CHECK(sigaction(SIGSEGV, NULL, &old) == 0 && old.sa_handler == SIG_DFL && old.sa_flags == 0);
  sigaddset(&act.sa_mask, SIGHUP);
  CHECK(sigaction(SIGSEGV, &act, &old) == 0 && old.sa_handler == SIG_DFL);
  CHECK(sigaction(SIGSEGV, NULL, &old) == 0 && old.sa_handler == jump && (old.sa_flags & SA_RESTART) != 0 && sigismember(&old.sa_mask, SIGHUP) == 1);
  CHECK(signal(SIGSEGV, jump_too) == jump && signal(SIGSEGV, SIG_IGN) == jump_too && signal(SIGSEGV, SIG_DFL) == SIG_IGN);
  CHECK(signal(SIGSEGV, SIG_ERR) == SIG_ERR && errno == EINVAL);
  CHECK(sysv_signal(SIGSEGV, jump) == SIG_DFL);
  CHECK(sigaction(SIGSEGV, NULL, &old) == 0 && old.sa_handler == jump && ((unsigned)old.sa_flags & SA_RESETHAND) != 0 && (old.sa_flags & SA_NODEFER) != 0);
  CHECK(sigaction(12345, NULL, &old) == -1 && errno == EINVAL);
  /* Others are not ours. */
  CHECK(signal(SIGUSR1, jump) == SIG_DFL && sigaction(SIGUSR1, NULL, &old) == 0 && old.sa_handler == jump);
}

static void handler_once(void) { /* ends by the second fault */
  set(look, (int)SA_RESETHAND, 0);
  fault(block(96) + 96);
  struct sigaction old;
  CHECK(sigaction(SIGSEGV, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
  puts("one");
  fflush(stdout);
  write_to(block(96) + 96);
}

static void ignored(void) { /* what is sent can be ignored, a fault cannot */
  signal(SIGSEGV, SIG_IGN);
  raise(SIGSEGV);
  puts("one");
  fflush(stdout);
  write_to(block(96) + 96);
}

static void raised(void) { raise(SIGSEGV); }

static void foreign(void) { write_to((volatile char *)16); }

/* A child of vfork has its parent's memory, and must not change the parent's handler there. */
static void vforked(void) {
  signal(SIGSEGV, jump);
  const pid_t child = vfork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    write_to((volatile char *)16);
    _exit(3);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  struct sigaction old;
  CHECK(sigaction(SIGSEGV, NULL, &old) == 0 && old.sa_handler == jump);
  fault(block(96) + 96);
}

/* ---- A handler of another signal makes the mistake, wherever it interrupted the allocator. ---- */

static volatile char *victim;
static volatile sig_atomic_t ticks;

static void mistake(int number) {
  (void)number;
  const int saved = errno;
  sigjmp_buf outer;
  memcpy(&outer, &again, sizeof outer);
  ticks++;
  fault(victim);
  memcpy(&again, &outer, sizeof outer);
  errno = saved;
}

static void interrupted(void) {
  signal(SIGSEGV, jump);
  signal(SIGALRM, mistake);
  victim = block(96) + 96;
  timer_t timer;
  CHECK(timer_create(CLOCK_MONOTONIC, NULL, &timer) == 0);
  const struct itimerspec often = {{0, 500000}, {0, 500000}};
  CHECK(timer_settime(timer, 0, &often, NULL) == 0);
  while (ticks < 300) {
    void *p[50];
    for (unsigned i = 0; i < 50; i++) p[i] = use_malloc(i * 10);
    for (unsigned i = 0; i < 50; i++) use_free(p[i]);
  }
}

/* ---- Threads, forks, and more blocks than there are slots. ---- */

static atomic_bool over;

static void *busy(void *seed) {
  enum { N = 600 };
  uint64_t state = (uintptr_t)seed;
  static _Thread_local unsigned char *p[N];
  static _Thread_local size_t size[N];
  for (unsigned i = 0; i < 60000 && !over; i++) {
    state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
    const unsigned k = (unsigned)(state >> 33) % N;
    if (p[k] != NULL) CHECK(size[k] == 0 || (p[k][0] == (unsigned char)k && p[k][size[k] - 1] == (unsigned char)k));
    use_free(p[k]);
    size[k] = (size_t)(state >> 40) % ((state >> 62) == 0 ? 30000 : 300);
    p[k] = use_malloc(size[k]);
    CHECK(p[k] != NULL);
    memset(p[k], (int)k, size[k]);
  }
  for (unsigned k = 0; k < N; k++) use_free(p[k]);
  return NULL;
}

static void threads(void) {
  pthread_t thread[4];
  for (uintptr_t i = 0; i < 4; i++) CHECK(pthread_create(&thread[i], NULL, busy, (void *)(i + 1)) == 0);
  for (unsigned i = 0; i < 20; i++) {
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
      alarm(60);
      for (unsigned k = 0; k < 500; k++) use_free(use_malloc(k));
      if (i % 2 == 0) _exit(0);
      volatile char *p = block(96);
      while (malloc_usable_size((void *)p) != 96 || ((uintptr_t)p + 96) % 4096 != 0) p = block(96); /* the next one that ends at its guard page */
      write_to(p + 96);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(i % 2 == 0 ? status == 0 : WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  }
  over = true;
  for (unsigned i = 0; i < 4; i++) pthread_join(thread[i], NULL);
}

/* Several threads fault at once, and go on. */
static void *faulting(void *unused) {
  (void)unused;
  for (unsigned i = 0; i < 50; i++) {
    char *p = use_malloc(96);
    use_free(p);
    CHECK(access(p, F_OK) == -1 && errno == EFAULT); /* a system call gets an error, not a signal */
  }
  write_to(block(96) + 96);
  return NULL;
}

static void exit_thread(int number) {
  (void)number;
  pthread_exit(NULL);
}

static void faults_at_once(void) {
  signal(SIGSEGV, exit_thread);
  pthread_t thread[8];
  for (unsigned i = 0; i < 8; i++) CHECK(pthread_create(&thread[i], NULL, faulting, NULL) == 0);
  for (unsigned i = 0; i < 8; i++) pthread_join(thread[i], NULL);
}

static void full(void) {
  enum { N = 40000 };
  static unsigned *p[N];
  for (unsigned round = 0; round < 2; round++) {
    for (unsigned i = 0; i < N; i++) {
      p[i] = use_malloc(40);
      CHECK(p[i] != NULL);
      p[i][9] = i;
    }
    for (unsigned i = 0; i < N; i++) {
      CHECK(p[i][9] == i);
      use_free(p[i]);
    }
  }
  write_to(block(96) + 96);
}

/* How many of a million allocations are guarded: they end at a page or begin at one, and are exactly as large as asked for. */
static void share(void) {
  unsigned guarded = 0, longest = 0, since = 0, left = 0;
  for (unsigned i = 0; i < 1000000; i++) {
    char *p = use_malloc(1000);
    since++;
    if (malloc_usable_size(p) == 1000) {
      guarded++;
      left += (uintptr_t)p % 4096 == 0;
      since = 0;
    }
    if (since > longest) longest = since;
    use_free(p);
  }
  printf("%u %u %u\n", guarded, left, longest);
}

static const struct {
  const char *name;
  void (*run)(void);
} all[] = {
  {"overflow_write", overflow_write},
  {"overflow_read", overflow_read},
  {"overflow_far", overflow_far},
  {"overflow_large", overflow_large},
  {"overflow_huge", overflow_huge},
  {"overflow_aligned", overflow_aligned},
  {"overflow_nothing", overflow_nothing},
  {"underflow_write", underflow_write},
  {"underflow_read", underflow_read},
  {"use_after_free_write", use_after_free_write},
  {"use_after_free_read", use_after_free_read},
  {"use_after_realloc", use_after_realloc},
  {"slack", slack},
  {"use_after_free_by_thread", use_after_free_by_thread},
  {"wrong_pointers", wrong_pointers},
  {"contents", contents},
  {"handler_jumps", handler_jumps},
  {"handler_contents", handler_contents},
  {"handler_alternate_stack", handler_alternate_stack},
  {"handler_old_values", handler_old_values},
  {"handler_once", handler_once},
  {"ignored", ignored},
  {"raised", raised},
  {"foreign", foreign},
  {"vforked", vforked},
  {"interrupted", interrupted},
  {"threads", threads},
  {"faults_at_once", faults_at_once},
  {"full", full},
  {"share", share},
};

int main(int argc, char **argv) {
  for (unsigned i = 0; argc == 2 && i < sizeof all / sizeof *all; i++) {
    if (strcmp(argv[1], all[i].name) != 0) continue;
    all[i].run();
    return 0;
  }
  return 2;
}
