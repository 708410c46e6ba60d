/*
 * capture.h: the common part of `run` and `record`: their shared options, the program's environment, the place of the data, and the messages at the
 * end.
 */
#ifndef HAKMEM_TOOLS_CAPTURE_H
#define HAKMEM_TOOLS_CAPTURE_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

#include "launch.h"

struct capture {
  const char *output; /* -o, NULL if not given */
  bool report;        /* -r */
  bool has_data;      /* after capture_finish: there is something to report on */
  char **program;     /* and its arguments; NULL at the end */
  struct launch launch;
  char *directory;     /* absolute, made by capture_prepare */
  struct watch *watch; /* from capture_wait on: the processes that are not recorded */
};

/* The shared options; a child of a subcommand's argp, with a struct capture as its input. */
extern const struct argp capture_argp;

void capture_init(struct capture *c);
void capture_fini(struct capture *c);

/*
 * Makes the directory and sets up preloading of the allocator. Statistics files go to `stats` below the directory ("" for the
 * directory itself).
 */
bool capture_prepare(struct capture *c, const char *stats);

/* Removes the directory of capture_prepare, if the program was not started. */
void capture_abandon(struct capture *c);

/* Waits for the program's end, and meanwhile finds the children that are not recorded. Returns its exit code, as launch_wait. */
int capture_wait(struct capture *c);

/*
 * After the program's end: messages name the place of the data, missing data and processes that were not recorded. False if data are missing. The
 * caller prints the report of -r. `with_trace`: the directory should hold a trace.
 */
bool capture_finish(struct capture *c, const char *stats, bool with_trace);

#endif
