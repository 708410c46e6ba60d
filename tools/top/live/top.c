#include "top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"
#include "input/process/process.h"
#include "input/trace/live.h"
#include "terminal.h"

#define REST_PER_WORK 60 /* after a reading, top rests for 60 times the processor time that it took: so it takes less than 2 % of a processor */

#define QUIET_REST 0.2 /* seconds between two looks at sessions that have no event yet */

/* SIGINT, SIGTERM, SIGHUP: only noted. They are blocked but while the loop waits, so none is missed. */
static volatile sig_atomic_t ended_by;
static void note(int number) { ended_by = number; }
static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

enum view top_view(const struct top *t) { return t->options->address_count > 0 ? VIEW_SESSIONS : t->watched != NULL ? t->view : VIEW_LIST; }
struct grid_state *top_state(struct top *t) {
  return &t->states[top_view(t)];
}

/* ---- Reading ---- */

static bool shows_threads(const struct top *t) { return t->watched != NULL && (t->view == VIEW_threads || t->options->batch > 0) && !t->watched->is_gone; }

static bool read_all(struct top *t) {
  t->now = seconds(CLOCK_MONOTONIC);
  const double before = seconds(CLOCK_PROCESS_CPUTIME_ID);
  const bool is_first = t->watched == NULL && !t->processes.is_read;
  bool good = true;
  if (top_view(t) == VIEW_SESSIONS) {
    good = sessions_refresh(&t->sessions, t->now);
  } else if (t->watched == NULL) {
    good = processes_refresh(&t->processes, t->now);
  } else {
    watched_refresh(t->watched, t->now);
    if (shows_threads(t)) threads_refresh(&t->threads, t->watched->pid, t->now);
  }
  const double work = seconds(CLOCK_PROCESS_CPUTIME_ID) - before, rest = is_first ? 0 : work * REST_PER_WORK; /* finding them takes longer, once */
  t->next = t->now + (rest > t->interval ? rest : t->interval);
  return good;
}

bool top_open(struct top *t, uint32_t pid, const char *path) {
  struct watched *const w = watched_create(pid, path);
  watched_refresh(w, seconds(CLOCK_MONOTONIC));
  if (w->p == NULL) {
    watched_destroy(w);
    return false;
  }
  t->watched = w;
  t->names = names_create();
  t->next = 0; /* rates need a second reading */
  if (w->p->incident_count > 0) t->view = VIEW_incidents;
  for (int view = 0; view < VIEW_LIST; view++) {
    t->states[view].selected = GRID_NONE;
    t->states[view].at = t->states[view].first = 0;
  }
  return true;
}

void top_leave(struct top *t) {
  if (t->watched == NULL) return;
  watched_destroy(t->watched);
  names_destroy(t->names);
  t->watched = NULL;
  t->names = NULL;
  free(t->threads.list);
  t->threads = (struct threads){0};
  t->next = 0;
}

/* ---- Live ---- */

static void catch_signals(sigset_t *while_waiting) {
  sigset_t blocked;
  sigemptyset(&blocked);
  for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
    sigaddset(&blocked, ends[i]);
    sigaction(ends[i], &(struct sigaction){.sa_handler = note}, NULL);
  }
  sigprocmask(SIG_BLOCK, &blocked, while_waiting);
}

/* Waits for a key, a name, a signal, or the time of the next reading. */
static void wait_for_news(struct top *t, const sigset_t *while_waiting) {
  struct pollfd news[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = t->names != NULL ? names_fd(t->names) : -1, .events = POLLIN}};
  double left = t->next - seconds(CLOCK_MONOTONIC);
  if (left < 0) left = 0;
  const struct timespec time = {(time_t)left, (long)((left - (double)(time_t)left) * 1e9)};
  const bool waits_for_ever = t->is_paused || (top_view(t) == VIEW_SESSIONS && sessions_running(&t->sessions) == 0) ||
                              (t->watched != NULL && t->watched->is_gone);
  if (ppoll(news, 2, waits_for_ever ? NULL : &time, while_waiting) <= 0) return;
  if ((news[1].revents & (POLLIN | POLLHUP)) != 0) names_take(t->names);
  if ((news[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0) t->is_over = true; /* the terminal is gone */
}

static bool live(struct top *t) {
  int width, height;
  sigset_t while_waiting;
  catch_signals(&while_waiting);
  if (!terminal_open()) return false;
  bool good = true;
  while (good && !t->is_over && ended_by == 0) {
    if (!t->is_paused && seconds(CLOCK_MONOTONIC) >= t->next) good = read_all(t);
    if (shows_threads(t) && t->threads.as_of == 0) threads_refresh(&t->threads, t->watched->pid, t->now); /* their table was just chosen */
    terminal_size(&width, &height);
    top_compose(t, width, height);
    terminal_draw(&t->screen);
    if (t->names != NULL) names_look(t->names, t->watched);
    wait_for_news(t, &while_waiting);
    for (int key; (key = terminal_key(&t->screen)) != PRESSED_NOTHING && !t->is_over;) {
      top_press(t, key);
      top_compose(t, width, height); /* the next key is about what this one changed */
    }
  }
  terminal_close();
  return good;
}

/* ---- Plain text ---- */

static void wait_for_names(struct top *t) {
  names_look(t->names, t->watched);
  while (names_fd(t->names) >= 0) names_take(t->names);
}

static bool print(struct top *t) {
  const char *const columns = getenv("COLUMNS");
  const int wanted = columns != NULL ? atoi(columns) : 0;
  top_compose_plain(t, wanted >= TOP_WIDTH && wanted < 10000 ? wanted : TOP_WIDTH);
  if (t->watched != NULL) { /* now it is known which names are wanted */
    wait_for_names(t);
    top_compose_plain(t, t->screen.width);
  }
  screen_print(&t->screen, stdout);
  return (fflush(stdout) == 0 && !ferror(stdout)) || fail("cannot write to standard output");
}

static void rest(double interval) {
  const struct timespec time = {(time_t)interval, (long)((interval - (double)(time_t)interval) * 1e9)};
  nanosleep(&time, NULL);
}

/* A relay hands events on about once a second, and the first ones take longer. */
static bool wait_for_events(struct top *t) {
  bool good = true;
  for (double waited = 0; good && sessions_are_quiet(&t->sessions) && waited < LIVE_SECONDS; waited += QUIET_REST) {
    rest(QUIET_REST);
    good = read_all(t);
  }
  return good;
}

/* Rates need two readings, so the first screen comes after one interval. */
static bool batch(struct top *t) {
  bool good = read_all(t) && wait_for_events(t), any = t->watched != NULL || top_view(t) == VIEW_SESSIONS;
  for (unsigned i = 0; good && i < t->options->batch; i++) {
    rest(t->interval);
    if (i > 0) putchar('\n');
    good = read_all(t) && print(t);
    any = any || t->processes.count > 0;
  }
  if (!good || any) return good;
  const char *const directory = t->options->directory;
  if (directory != NULL) return fail("there is nothing to show: %s has no statistics that can be read", directory);
  return fail("there is nothing to show: no process of this user runs under hakmem");
}

/* ---- The whole ---- */

static bool open_named(struct top *t, uint32_t pid) {
  char *const path = process_stats_path(pid);
  const bool good = path != NULL && top_open(t, pid, path);
  free(path);
  return good;
}

int top_run(const struct top_options *options) {
  struct top t = {.options = options, .processes = {.directory = options->directory}, .interval = options->interval};
  t.sessions = (struct sessions){.addresses = options->addresses, .address_count = options->address_count, .by = options->by};
#define FIRST_SORT(name, title, column) t.states[VIEW_##name].sort = column;
  TABLES(FIRST_SORT)
  t.states[VIEW_LIST].sort = 3;
  t.states[VIEW_LIST].selected = GRID_NONE;
  t.states[VIEW_SESSIONS] = (struct grid_state){.sort = 5, .selected = GRID_NONE};
  bool good = options->pid == 0 || open_named(&t, options->pid);
  good = good && (options->batch > 0 ? batch(&t) : live(&t));
  top_leave(&t);
  processes_free(&t.processes);
  sessions_free(&t.sessions);
  grid_free(&t.grid);
  screen_clear(&t.screen);
  free(t.screen.rows);
  free(t.screen.hits);
  if (!good) say("%s", failure());
  return ended_by != 0 ? 128 + (int)ended_by : good ? EXIT_DONE : EXIT_FAILED;
}
