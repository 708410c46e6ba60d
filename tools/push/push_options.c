/*
 * push_options.c: the options of hakmem export --push.
 */
#include <errno.h>
#include <stdlib.h>

#include "common/error.h"
#include "control/ask_options.h"
#include "push.h"

enum { KEY_PUSH = 2048, KEY_EVERY, KEY_COUNT, KEY_LABEL, KEY_TOKEN_FILE, KEY_CA_FILE, KEY_TIMEOUT };

#define TIMEOUT_MS 10000
#define EVERY_LEAST_MS 1000 /* what stores of profiles tell apart */

static const struct argp_option options[] = {
  {"push", KEY_PUSH, "URL", 0,
   "Send --pprof profiles, one of each process, to a store of continuous profiles. The end of the URL's path says which: /ingest and "
   "/push.v1.PusherService/Push are Pyroscope's, /profiles/writeraw is Parca's. Without PID or DIR: all processes of this user",
   3},
  {"every", KEY_EVERY, "TIME", 0, "Push each time this has passed (15s, 1m), until Ctrl-C, SIGTERM or the end of each PID", 3},
  {"count", KEY_COUNT, "N", 0, "With --every: end after N pushes", 3},
  {"label", KEY_LABEL, "NAME=VALUE", 0, "Add a label; may be repeated. program, pid and host are there by default; an empty VALUE leaves one out", 3},
  {"token-file", KEY_TOKEN_FILE, "FILE", 0, "Send the token in FILE as `Authorization: Bearer`; without it, the one of the environment variable PUSH_TOKEN", 3},
  {"ca-file", KEY_CA_FILE, "FILE", 0, "Trust the certificates in FILE (PEM) instead of the system's", 3},
  {"timeout", KEY_TIMEOUT, "TIME", 0, "How long a server may take for an answer (10s); a push is tried three times", 3},
  {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
  struct push *const p = state->input;
  switch (key) {
    case ARGP_KEY_INIT: p->timeout_ms = TIMEOUT_MS; return 0;
    case KEY_PUSH:
      if (!receiver_find(argument, &p->receiver)) argp_error(state, "%s", failure());
      p->url = argument;
      return 0;
    case KEY_EVERY:
      if (!ask_time(argument, INT32_MAX, &p->every_ms) || p->every_ms < EVERY_LEAST_MS)
        argp_error(state, "--every=%s is not a time of a second or more: write 15s or 1m", argument);
      return 0;
    case KEY_COUNT: {
      char *end;
      const unsigned long count = strtoul(argument, &end, 10);
      if (*argument < '1' || *argument > '9' || *end != '\0' || count > UINT32_MAX) argp_error(state, "--count=%s is not a number of pushes", argument);
      p->count = (uint32_t)count;
      return 0;
    }
    case KEY_LABEL:
      if (!labels_read(&p->labels, argument)) argp_error(state, "%s", failure());
      return 0;
    case KEY_TOKEN_FILE: p->token_file = argument; return 0;
    case KEY_CA_FILE: p->ca_file = argument; return 0;
    case KEY_TIMEOUT:
      if (!ask_time(argument, 600000, &p->timeout_ms) || p->timeout_ms == 0)
        argp_error(state, "--timeout=%s is not a time up to 10m: write 5s or 500ms", argument);
      return 0;
    case ARGP_KEY_END:
      if (p->url == NULL && (p->every_ms != 0 || p->labels.count != 0 || p->token_file != NULL || p->ca_file != NULL))
        argp_error(state, "--every, --label, --token-file and --ca-file are for --push");
      if (p->every_ms == 0 && p->count != 0) argp_error(state, "--count needs --every");
      return 0;
    default: return ARGP_ERR_UNKNOWN;
  }
}

const struct argp push_argp = {.options = options, .parser = parse};
