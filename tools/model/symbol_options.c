#include "symbol_options.h"

#include <errno.h>
#include <stdbool.h>

#include "common/error.h"
#include "demangle.h"
#include "model.h"
#include "symbols/debuginfod.h"
#include "symbols/places.h"

enum { KEY_SYSROOT = 1024, KEY_DEBUG_DIR, KEY_DEBUGINFOD, KEY_SHORT_NAMES, KEY_REDACT };

static const struct argp_option options[] = {
  {"sysroot", KEY_SYSROOT, "DIR", 0, "Look for the program and its libraries below DIR first; for programs that ran in a container", 0},
  {"debug-dir", KEY_DEBUG_DIR, "DIR", 0, "Search DIR like /usr/lib/debug for debug information; may be repeated", 0},
  {"debuginfod", KEY_DEBUGINFOD, NULL, 0, "Ask the servers in DEBUGINFOD_URLS for what is not on this machine", 0},
  {"short-names", KEY_SHORT_NAMES, NULL, 0, "Print names of C++ functions without their arguments: std::vector<...>::push_back(...)", 0},
  {"redact", KEY_REDACT, NULL, 0, "Leave out the bytes of the program's memory", 0},
  {0},
};

static error_t parse(int key, char *argument, struct argp_state *state) {
  bool good = true;
  switch (key) {
    case KEY_SYSROOT: good = places_set_root(argument); break;
    case KEY_DEBUG_DIR: good = places_add_debug(argument); break;
    case KEY_DEBUGINFOD: good = debuginfod_start(); break;
    case KEY_SHORT_NAMES: demangle_shorten(); break;
    case KEY_REDACT: model_redact(); break;
    default: return ARGP_ERR_UNKNOWN;
  }
  if (good) return 0;
  argp_error(state, "%s", failure());
  return EINVAL;
}

static const struct argp symbol_argp = {.options = options, .parser = parse};
const struct argp_child symbol_options[] = {{&symbol_argp, 0, NULL, 2}, {0}};
