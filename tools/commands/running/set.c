/*
 * set.c: hakmem set: changes options of a running process.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "commands/command.h"
#include "common/error.h"
#include "common/format.h"
#include "common/memory.h"
#include "control/ask.h"
#include "control/print_settings.h"
#include "input/process/process.h"
#include "session/option.h"
#include "control/ask_options.h"

enum { KEY_FOR = 256 };

struct options {
  struct ask_options common;
  uint32_t for_ms;
  char **values;
  size_t count;
};

static const struct argp_option options[] = {
  {"for", KEY_FOR, "TIME", 0, "Put the old values back after this time: 30s, 5m, 500ms. The process itself does that, also if this program is gone", 1},
  {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct options *const o = state->input;
  switch (key) {
    case KEY_FOR:
      if (!ask_time(argument, UINT32_MAX, &o->for_ms) || o->for_ms == 0) argp_error(state, "--for=%s is not a time: write 30s, 5m or 500ms", argument);
      return 0;
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->common; return 0;
    case ARGP_KEY_ARG:
      if (o->common.pid == 0) return ARGP_ERR_UNKNOWN; /* the process */
      o->values = state->argv + state->next - 1;
      o->count = (size_t)(state->argc - state->next) + 1;
      state->next = state->argc;
      return 0;
    case ARGP_KEY_END:
      if (o->for_ms != 0 && o->count == 0) argp_error(state, "--for needs a NAME=VALUE");
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_child children[] = {{&ask_argp, 0, NULL, 0}, {0}};

const struct argp set_argp = {
  .options = options,
  .parser = parse,
  .args_doc = "PID [NAME=VALUE...]",
  .doc =
    "Change options of a running process, or print those that can change. PROFILE, GUARD, TRACE, LOG, STATS_INTERVAL and SOFT_LIMIT change while the program "
    "runs; libhakmem(7) says what each does.\v"
    "The process was started with hakmem run, or with HAKMEM_STATS_FILE in its environment. Only its user, and root, may change it. It changes its "
    "options when a thread next enters the slow path of malloc or free; the other threads follow with theirs. Blocks that were allocated before PROFILE or "
    "GUARD was switched on are unknown to it. The exit code is 0 if all was done, 1 if the process refused, 2 for bad usage, and 3 if the process has "
    "not answered: it rests or is stopped, and changes its options when it goes on.",
  .children = children,
};

/* Checks NAME=VALUE by the table that the process will check it by. The caller frees *text, which has the name without prefix. */
static bool check(const char *argument, char **text) {
  char *name;
  const char *value;
  enum setting setting;
  if (!option_read(argument, &name, &value)) return false;
  name = option_new_name(name);
  const char *const bare = name + strlen("HAKMEM_");
  const bool good = setting_find(bare, &setting) || fail("%s is read at the start only; while the program runs, these change:%s", name, setting_names);
  if (good) *text = must_print("%s=%s", bare, value);
  free(name);
  return good;
}

static int set_one(const struct asker *a, const char *text, uint32_t for_ms) {
  struct control_answer answer;
  return ask_exit(ask(a, CONTROL_SET, text, for_ms, &answer));
}

/* All are checked before the first one is asked. */
static int set_all(const struct asker *a, const struct options *o) {
  char **const texts = must_allocate(o->count * sizeof(*texts));
  int code = EXIT_DONE;
  size_t checked = 0;
  for (; checked < o->count && check(o->values[checked], &texts[checked]); checked++) continue;
  if (checked < o->count) {
    say("%s", failure());
    code = EXIT_USAGE;
  }
  for (size_t i = 0; i < checked; i++) {
    const int one = code == EXIT_DONE || code == EXIT_WAITS ? set_one(a, texts[i], o->for_ms) : EXIT_DONE;
    if (one != EXIT_DONE) code = one;
    free(texts[i]);
  }
  free(texts);
  return code;
}

static int show(const struct asker *a) {
  struct stats_setting settings[SETTING_COUNT];
  uint64_t elapsed_ns;
  if (!ask_settings(a, settings, &elapsed_ns)) {
    say("%s", failure());
    return EXIT_FAILED;
  }
  print_settings(stdout, settings, elapsed_ns);
  return EXIT_DONE;
}

int command_set(int argc, char **argv) {
  struct options o = {0};
  struct asker a;
  argp_parse(&set_argp, argc, argv, 0, NULL, &o);
  format_init();
  int code = ask_begin(&a, &o.common);
  if (code == EXIT_DONE && o.count > 0) code = set_all(&a, &o);
  if (code == EXIT_DONE) code = show(&a);
  ask_close(&a);
  return code;
}
