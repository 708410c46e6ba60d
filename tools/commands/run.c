/*
 * run.c: hakmem run: a program under libhakmem.so. Each of its processes keeps its statistics in a file. No daemon.
 */
#include "session/capture.h"
#include "command.h"
#include "common/error.h"

static error_t parse(int key, char *argument, struct argp_state *state) {
  (void)argument;
  if (key != ARGP_KEY_INIT) return ARGP_ERR_UNKNOWN;
  state->child_inputs[0] = state->input;
  return 0;
}

static const struct argp_child children[] = {{&capture_argp, 0, NULL, 0}, {0}};

const struct argp run_argp = {
  .parser = parse,
  .args_doc = "[--] PROGRAM [ARGUMENT...]",
  .doc = "Run PROGRAM under libhakmem.so and keep the statistics of each of its processes in a file.\v"
         "The exit code is the program's, or 128 + N if signal N ended it. It is 127 if the program was not found, 126 if "
         "it could not be started, 1 if the run could not be prepared, if the library cannot be loaded into the program, or if data are missing "
         "although the program ended with 0; 2 for bad usage.",
  .children = children,
};

int command_run(int argc, char **argv) {
  struct capture capture;
  capture_init(&capture);
  argp_parse(&run_argp, argc, argv, ARGP_IN_ORDER, NULL, &capture);
  int exit_code = EXIT_FAILED;
  if (!capture_prepare(&capture, "")) {
    say("%s", failure());
  } else if (!launch_fork(&capture.launch) || !launch_go(&capture.launch, &exit_code)) {
    say("%s", failure());
    capture_abandon(&capture);
  } else {
    exit_code = capture_wait(&capture);
    if (!capture_finish(&capture, "", false) && exit_code == EXIT_DONE) exit_code = EXIT_FAILED;
    if (capture.report && capture.has_data) report_on(capture.directory);
  }
  capture_fini(&capture);
  return exit_code;
}
