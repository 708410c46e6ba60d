/*
 * push.h: hakmem export --pprof --push: profiles to a store of continuous profiles.
 */
#ifndef HAKMEM_TOOLS_PUSH_H
#define HAKMEM_TOOLS_PUSH_H

#include <argp.h>
#include <stdint.h>

#include "export/store/labels.h"
#include "export/store/receiver.h"
#include "report/load.h"

struct push {
  const char *url; /* NULL: nothing is pushed */
  enum receiver receiver;
  struct labels labels;          /* of the command line */
  uint32_t every_ms, timeout_ms; /* every_ms 0: once */
  uint32_t count;                /* pushes; 0: until interrupted */
  const char *token_file;        /* NULL: the token is that of PUSH_TOKEN, if there is one */
  const char *ca_file;
};

/* The options, as a child of the command's; its input is a struct push. */
extern const struct argp push_argp;

/* Pushes what `load` names: files, directories, processes; all processes of this user that keep statistics, if it names nothing. Returns an exit code. */
int push_run(struct push *p, struct load *load);

#endif
