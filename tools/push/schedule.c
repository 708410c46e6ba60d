/*
 * schedule.c: the schedule of pushes. Each round reads the data and sends the profiles in a process of its own, which ends with the round: so nothing that a
 * file holds or a server answers makes this one crash, hang or grow. What the next round must know lies in memory that both processes share.
 */
#include "push.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/error.h"
#include "common/sandbox.h"
#include "control/wait.h"
#include "round.h"

static struct shared *shared;
static void on_interrupt(int signal) {
  (void)signal;
  shared->interrupted = 1;
}

/* What happens again and again is said once. */
static void say_change(const struct push *p, char before[ROUND_WHY], unsigned *failed_rounds) {
  const char *const why = shared->outcome.why;
  if (why[0] != '\0') {
    ++*failed_rounds;
    if (strcmp(why, before) != 0) say("%s; the next push is in %g s at most", why, p->every_ms / 1e3);
  } else if (before[0] != '\0') {
    say("pushing works again; %u push%s failed", *failed_rounds, *failed_rounds == 1 ? "" : "es");
    *failed_rounds = 0;
  }
  memcpy(before, why, ROUND_WHY);
}

/* One round. False if it failed. */
static bool run_round(struct round *r) {
  memset(&shared->outcome, 0, sizeof(shared->outcome));
  const int code = sandbox_run(round_run, r);
  shared->outcome.why[ROUND_WHY - 1] = '\0';
  shared->total.profiles += shared->outcome.profiles;
  shared->total.bytes += shared->outcome.bytes;
  return code == EXIT_DONE;
}

static int push_once(struct round *r) {
  if (run_round(r)) return EXIT_DONE;
  if (shared->outcome.why[0] != '\0') say("%s", shared->outcome.why);
  return EXIT_FAILED;
}

static int push_every(const struct push *p, struct round *r) {
  char before[ROUND_WHY] = "";
  unsigned failed_rounds = 0, rounds = 0, failures = 0;
  uint64_t next_ms = wait_now_ms();
  const char *why = NULL;
  while (why == NULL) {
    const bool good = run_round(r);
    rounds++;
    if (!good && !shared->interrupted) failures++;
    r->is_later = true;
    if (shared->interrupted) why = "interrupted";
    else if (shared->outcome.all_ended) why = "all processes have ended";
    else if (p->count != 0 && rounds >= p->count) why = "all pushes are done";
    if (!shared->interrupted) say_change(p, before, &failed_rounds);
    while (why == NULL && next_ms <= wait_now_ms()) next_ms += p->every_ms; /* a round that took too long is not made up for */
    if (why == NULL) wait_until(next_ms, &shared->interrupted);
    if (why == NULL && shared->interrupted) why = "interrupted";
  }
  say("%u push%s, %u of them failed: %" PRIu64 " profiles, %" PRIu64 " bytes; %s", rounds, rounds == 1 ? "" : "es", failures, shared->total.profiles,
      shared->total.bytes, why);
  return shared->total.profiles > 0 || failures == 0 ? EXIT_DONE : EXIT_FAILED;
}

int push_run(struct push *p, struct load *load) {
  struct round r = {.push = p, .load = load};
  shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int code = EXIT_FAILED;
  if (shared == MAP_FAILED) {
    say("no memory");
  } else if (!round_begin(&r, shared)) {
    say("%s", failure());
  } else if (p->every_ms == 0) {
    code = push_once(&r);
  } else {
    const struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    code = push_every(p, &r);
  }
  round_end(&r);
  labels_free(&p->labels);
  return code;
}
