/*
 * Forks at moments that an allocator does not choose:   fork_order WHAT [ROUNDS]
 *
 *   stdio     while one thread holds a FILE and allocates, and another flushes all FILEs
 *   streams   from several threads, while others read lines and flush all FILEs
 *   handler   in a signal handler that interrupts malloc and free; every third child returns from it, and goes on
 *   nested    in a signal handler that interrupts fork
 *   threads   in such a handler on one thread, while others allocate, and one of them forks, too
 *   handlers  with handlers of forks that were registered before any library began: they take a mutex whose holder allocates, and allocate
 *   signal    with a signal to each child at once: SIGUSR2, at which hakmem prints the statistics
 *   callback  in a callback of dl_iterate_phdr, under the loader's lock; the child returns from it, and goes on
 *   listing   while another thread is in such a callback
 *   unloads   while another thread loads and unloads a library
 *   loader    in a signal handler that interrupts hakmem while it asks the loader, while other threads hold stdio's locks and allocate. loader.c
 *             must be preloaded
 *
 * Ends with status 0; 3 if a block has another content than it was given; by SIGALRM if something waits for ever, or not at all if that is within
 * a fork, when hakmem blocks signals.
 */
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define HANGS_AFTER 100 /* s */
#define LONG 10         /* s, for 200 blocks */
#define SLOTS 300
#define THREADS 3

static volatile sig_atomic_t stop;
static unsigned rounds;

static void wait_for(pid_t pid) {
  int status;
  while (waitpid(pid, &status, 0) != pid) {}
  if (status != 0) _exit(WIFSIGNALED(status) ? 4 : WEXITSTATUS(status));
}

static void fork_once(void) {
  const pid_t pid = fork();
  if (pid == 0) _exit(0);
  if (pid > 0) wait_for(pid);
}

/* ---- Blocks that say who they are. ---- */

struct blocks {
  unsigned char *at[SLOTS];
  unsigned size[SLOTS], seed;
};

static void check(const struct blocks *b, unsigned i) {
  for (unsigned k = 0; b->at[i] != NULL && k < b->size[i] && k < 32; k++) {
    if (b->at[i][k] != (unsigned char)(i + k)) _exit(3);
  }
}

static void step(struct blocks *b) {
  b->seed = b->seed * 1103515245 + 12345;
  const unsigned i = (b->seed >> 8) % SLOTS, r = b->seed >> 17;
  check(b, i);
  free(b->at[i]);
  b->size[i] = r % 61 == 0 ? r * 16 : r % 2000;
  b->at[i] = malloc(b->size[i]);
  if (b->at[i] == NULL) _exit(5);
  for (unsigned k = 0; k < b->size[i] && k < 32; k++) b->at[i][k] = (unsigned char)(i + k);
}

static void *allocate(void *arg) {
  struct blocks *b = calloc(1, sizeof(*b));
  b->seed = (unsigned)(size_t)arg;
  while (!stop) step(b);
  return NULL;
}

/* ---- stdio, streams. ---- */

static FILE *held;

static void *hold_and_allocate(void *arg) {
  flockfile(held);
  usleep(300000);
  void *volatile p = malloc(10 << 20);
  free(p);
  funlockfile(held);
  return arg;
}

static void *flush_all(void *arg) {
  usleep(100000);
  do {
    fflush(NULL);
    usleep(50);
  } while (arg != NULL && !stop);
  return arg;
}

static void stdio(void) {
  pthread_t holder, flusher;
  held = fopen("/dev/null", "w");
  pthread_create(&holder, NULL, hold_and_allocate, NULL);
  pthread_create(&flusher, NULL, flush_all, NULL);
  usleep(200000);
  fork_once();
  pthread_join(holder, NULL);
  pthread_join(flusher, NULL);
}

static void *read_lines(void *arg) {
  FILE *file = fmemopen(arg, strlen(arg), "r");
  while (!stop) {
    char *line = NULL;
    size_t size = 0;
    rewind(file);
    if (getline(&line, &size, file) < 0) _exit(5);
    free(line);
  }
  fclose(file);
  return NULL;
}

static void *keep_forking(void *arg) {
  for (unsigned i = 0; i < rounds; i++) fork_once();
  return arg;
}

static void streams(void) {
  static char text[50000];
  pthread_t reader[THREADS], forker[THREADS], flusher;
  memset(text, 'x', sizeof(text) - 1);
  pthread_create(&flusher, NULL, flush_all, text);
  for (unsigned i = 0; i < THREADS; i++) pthread_create(&reader[i], NULL, read_lines, text);
  for (unsigned i = 0; i < THREADS; i++) pthread_create(&forker[i], NULL, keep_forking, NULL);
  for (unsigned i = 0; i < THREADS; i++) pthread_join(forker[i], NULL);
  stop = 1;
  for (unsigned i = 0; i < THREADS; i++) pthread_join(reader[i], NULL);
  pthread_join(flusher, NULL);
}

/* ---- handler, threads, nested. ---- */

static volatile sig_atomic_t forks;
static volatile bool in_child; /* it returned from the handler */
static bool may_return;

static void on_signal(int number) {
  if (in_child) return;
  const bool returns = may_return && forks++ % 3 == 0;
  const pid_t pid = fork();
  if (pid == 0 && !returns) _exit(0);
  if (pid == 0) {
    in_child = true;
    signal(number, SIG_IGN);
    alarm(HANGS_AFTER);
  }
  if (pid > 0) wait_for(pid);
}

static void handle(int number) {
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction(number, &action, NULL);
}

static struct blocks mine;

static int first_object(struct dl_phdr_info *info, size_t size, void *data) {
  (void)info, (void)size, (void)data;
  return 7;
}

static void load_and_unload(void) {
  void *library = dlopen("libm.so.6", RTLD_NOW);
  if (library == NULL) _exit(5);
  dlclose(library);
}

/* What was under way goes on, all blocks are what they were, and the loader is free. */
static void go_on_in_child(void) {
  pthread_t thread;
  stop = 1;
  for (unsigned i = 0; i < 500; i++) step(&mine);
  for (unsigned i = 0; i < SLOTS; i++) {
    check(&mine, i);
    free(mine.at[i]);
  }
  if (dl_iterate_phdr(first_object, NULL) != 7) _exit(5);
  load_and_unload();
  if (pthread_create(&thread, NULL, allocate, NULL) == 0) pthread_join(thread, NULL);
  fork_once();
  exit(0);
}

/* The signal comes every `pause` us of this thread's time, and so does not keep it from going on, however long a fork takes. */
static void allocate_and_fork(unsigned pause) {
  const struct itimerval timer = {.it_value = {.tv_usec = pause}, .it_interval = {.tv_usec = pause}};
  may_return = true;
  handle(SIGPROF);
  setitimer(ITIMER_PROF, &timer, NULL);
  while (forks < (int)rounds) {
    step(&mine);
    if (in_child) go_on_in_child();
  }
  signal(SIGPROF, SIG_IGN);
  if (in_child) go_on_in_child(); /* of the last signals: it has no other threads to join */
}

static void *fork_beside(void *arg) {
  while (!stop) {
    fork_once();
    usleep(1000);
  }
  return arg;
}

static void threads(void) {
  pthread_t thread[THREADS + 1];
  sigset_t prof;
  sigemptyset(&prof);
  sigaddset(&prof, SIGPROF);
  pthread_sigmask(SIG_BLOCK, &prof, NULL); /* of the others */
  for (size_t i = 0; i < THREADS; i++) pthread_create(&thread[i], NULL, allocate, (void *)i);
  pthread_create(&thread[THREADS], NULL, fork_beside, NULL);
  pthread_sigmask(SIG_UNBLOCK, &prof, NULL);
  allocate_and_fork(4000);
  stop = 1;
  for (unsigned i = 0; i <= THREADS; i++) pthread_join(thread[i], NULL);
}

static void nested(void) {
  const pid_t me = getpid();
  handle(SIGUSR1);
  const pid_t sender = fork();
  if (sender == 0) {
    signal(SIGUSR1, SIG_IGN);
    while (getppid() == me && kill(me, SIGUSR1) == 0) usleep(300);
    _exit(0);
  }
  for (unsigned i = 0; i < rounds; i++) {
    const pid_t pid = fork();
    if (pid == 0) _exit(0);
    if (pid > 0) wait_for(pid);
    free(malloc(i));
  }
  kill(sender, SIGKILL);
  waitpid(sender, NULL, 0);
}

/* ---- handlers. ---- */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

static void use_memory(void) {
  for (unsigned i = 0; i < 40; i++) {
    void *volatile p = malloc(i * i * 60);
    free(p);
  }
}

static void lock_and_allocate(void) {
  pthread_mutex_lock(&mutex);
  use_memory();
}

static void allocate_and_unlock(void) {
  use_memory();
  pthread_mutex_unlock(&mutex);
}

/* Runs before the constructors of all libraries, and before the first malloc. */
static void register_early(int argc, char **argv, char **environment) {
  (void)environment;
  if (argc > 1 && strcmp(argv[1], "handlers") == 0) pthread_atfork(lock_and_allocate, allocate_and_unlock, allocate_and_unlock);
}
__attribute__((section(".preinit_array"), used)) static void (*const before_libraries)(int, char **, char **) = register_early;

static void *lock_beside(void *arg) {
  while (!stop) {
    lock_and_allocate();
    allocate_and_unlock();
  }
  return arg;
}

static void handlers(void) {
  pthread_t thread;
  keep_forking(NULL); /* alone */
  pthread_create(&thread, NULL, lock_beside, NULL);
  keep_forking(NULL);
  stop = 1;
  pthread_join(thread, NULL);
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, NULL, &blocked);
  if (sigismember(&blocked, SIGUSR1)) _exit(5);
}

/* ---- signal. ---- */

static void tell_children(void) {
  for (unsigned i = 0; i < 2000; i++) step(&mine);
  for (unsigned i = 0; i < rounds; i++) {
    const pid_t pid = fork();
    int status;
    if (pid == 0) {
      alarm(HANGS_AFTER / 2);
      for (unsigned k = 0; k < 2000; k++) step(&mine);
      _exit(0);
    }
    for (unsigned told = 0; kill(pid, SIGUSR2), waitpid(pid, &status, WNOHANG) == 0; told++) usleep(told < 20 ? 30 + i * 13 % 90 : 20000);
    if (status != 0) _exit(4);
  }
}

/* ---- callback, listing, unloads, loader. ---- */

static volatile bool listing;

/* What the child does then must not need the loader, whose lock it cannot take. */
static void allocate_in_child(void) {
  alarm(LONG);
  for (unsigned i = 0; i < 200; i++) step(&mine);
  alarm(HANGS_AFTER);
}

static int fork_in_callback(struct dl_phdr_info *info, size_t size, void *data) {
  (void)info, (void)size;
  *(pid_t *)data = fork();
  return 1;
}

static void callback(void) {
  pid_t pid = 0;
  allocate_in_child(); /* in the parent, so that what hakmem needs is loaded */
  dl_iterate_phdr(fork_in_callback, &pid);
  allocate_in_child();
  if (pid == 0) fork_once();
  else wait_for(pid);
}

static int stay(struct dl_phdr_info *info, size_t size, void *data) {
  (void)info, (void)size, (void)data;
  listing = true;
  while (!stop) usleep(1000);
  return 1;
}

static void *list(void *arg) {
  dl_iterate_phdr(stay, NULL);
  return arg;
}

static void fork_beside_listing(void) {
  pthread_t thread;
  allocate_in_child();
  pthread_create(&thread, NULL, list, NULL);
  while (!listing) usleep(1000);
  const pid_t pid = fork();
  if (pid == 0) {
    allocate_in_child();
    fork_once();
    _exit(0);
  }
  stop = 1;
  wait_for(pid);
  pthread_join(thread, NULL);
}

static void *load_until_stopped(void *arg) {
  while (!stop) load_and_unload();
  return arg;
}

static void fork_beside_loads(void) {
  pthread_t thread;
  allocate_in_child();
  pthread_create(&thread, NULL, load_until_stopped, NULL);
  for (unsigned i = 0; i < rounds; i++) {
    const pid_t pid = fork();
    if (pid == 0) {
      allocate_in_child();
      _exit(0);
    }
    wait_for(pid);
  }
  stop = 1;
  pthread_join(thread, NULL);
}

static volatile int *loader_armed; /* of loader.c; 2 when the thread that armed it is in the loader */

static void *hold_until_in_loader(void *arg) {
  flockfile(held);
  while (*loader_armed != 2) usleep(1000);
  step(arg);
  funlockfile(held);
  return NULL;
}

static void *flush_in_loader(void *arg) {
  while (*loader_armed != 2) usleep(1000);
  fflush(NULL);
  return arg;
}

static void fork_in_loader(void) {
  static struct blocks theirs;
  pthread_t holder, flusher;
  loader_armed = dlsym(RTLD_DEFAULT, "loader_armed");
  if (loader_armed == NULL) _exit(2);
  held = fopen("/dev/null", "w");
  for (unsigned i = 0; i < 100; i++) step(&mine), step(&theirs);
  may_return = true;
  handle(SIGUSR1);
  pthread_create(&holder, NULL, hold_until_in_loader, &theirs);
  pthread_create(&flusher, NULL, flush_in_loader, NULL);
  usleep(10000);
  *loader_armed = 1;
  for (unsigned i = 0; i < 20000 && *loader_armed == 1; i++) step(&mine);
  if (in_child) go_on_in_child();
  if (*loader_armed != 2) _exit(6); /* hakmem did not ask the loader */
  pthread_join(holder, NULL);
  pthread_join(flusher, NULL);
}

int main(int argc, char **argv) {
  const char *what = argc > 1 ? argv[1] : "";
  rounds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 100;
  alarm(HANGS_AFTER);
  if (strcmp(what, "stdio") == 0) stdio();
  else if (strcmp(what, "streams") == 0) streams();
  else if (strcmp(what, "handler") == 0) allocate_and_fork(1000);
  else if (strcmp(what, "nested") == 0) nested();
  else if (strcmp(what, "threads") == 0) threads();
  else if (strcmp(what, "handlers") == 0) handlers();
  else if (strcmp(what, "signal") == 0) tell_children();
  else if (strcmp(what, "callback") == 0) callback();
  else if (strcmp(what, "listing") == 0) fork_beside_listing();
  else if (strcmp(what, "unloads") == 0) fork_beside_loads();
  else if (strcmp(what, "loader") == 0) fork_in_loader();
  else return 2;
  return 0;
}
