/*
 * run.c: hakmem run: a program under libhakmem.so. Each of its processes keeps its statistics in a file. No daemon.
 */
#include <stdlib.h>
#include <string.h>

#include "session/capture.h"
#include "command.h"
#include "common/error.h"
#include "common/memory.h"
#include "session/option.h"

enum { KEY_FLIGHT = 256 };

struct options {
  struct capture capture;
  const char *flight; /* "0": none */
};

static const struct argp_option options[] = {
  {"flight", KEY_FLIGHT, "SIZE", 0, "Keep the newest SIZE bytes of slow-path events of each process as a trace, PID.flight (1M); 0: none", 1},
  {0},
};

static const char *read_flight(const char *size, const struct argp_state *state) {
  char *name;
  const char *value;
  if (strcmp(size, "0") == 0) return size;
  char *const option = must_print("FLIGHT_SIZE=%s", size);
  if (!option_read(option, &name, &value)) argp_error(state, "--flight=%s is neither 0 nor a size: %s", size, failure());
  free(name);
  free(option);
  return size;
}

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct options *const o = state->input;
  switch (key) {
    case ARGP_KEY_INIT: state->child_inputs[0] = &o->capture; return 0;
    case KEY_FLIGHT: o->flight = read_flight(argument, state); return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

/* Unless the environment or -O names another place. */
static void set_flight(struct options *o) {
  struct launch *const l = &o->capture.launch;
  if (o->flight != NULL && strcmp(o->flight, "0") == 0) return;
  if (o->flight != NULL) launch_set(l, "HAKMEM_FLIGHT_SIZE", o->flight);
  char *const pattern = must_print("%s/%%p.flight", o->capture.directory);
  launch_set_default(l, "HAKMEM_FLIGHT_FILE", pattern);
  free(pattern);
}

static const struct argp_child children[] = {{&capture_argp, 0, NULL, 0}, {0}};

const struct argp run_argp = {
  .options = options,
  .parser = parse,
  .args_doc = "[--] PROGRAM [ARGUMENT...]",
  .doc = "Run PROGRAM under libhakmem.so and keep the statistics of each of its processes in a file.\v"
         "The exit code is the program's, or 128 + N if signal N ended it. It is 127 if the program was not found, 126 if "
         "it could not be started, 1 if the run could not be prepared, if the library cannot be loaded into the program, or if a file of the data "
         "is missing or cut off although the program ended with 0; 2 for bad usage.",
  .children = children,
};

static int run(struct options *o) {
  struct capture *const c = &o->capture;
  int exit_code = EXIT_FAILED;
  if (!capture_prepare(c, "")) {
    say("%s", failure());
    return exit_code;
  }
  set_flight(o);
  if (!launch_fork(&c->launch) || !launch_go(&c->launch, &exit_code)) {
    say("%s", failure());
    capture_abandon(c);
    return exit_code;
  }
  exit_code = capture_wait(c);
  if (!capture_finish(c, "", false) && exit_code == EXIT_DONE) exit_code = EXIT_FAILED;
  if (c->report && c->has_data) report_on(c->directory);
  return exit_code;
}

int command_run(int argc, char **argv) {
  struct options o = {0};
  capture_init(&o.capture);
  argp_parse(&run_argp, argc, argv, ARGP_IN_ORDER, NULL, &o);
  const int exit_code = run(&o);
  capture_fini(&o.capture);
  return exit_code;
}
