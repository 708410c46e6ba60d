/*
 * doors.c: the parts of this program that need a library which may be missing on a machine. Each part is a shared object in lib/hakmem, and is opened by
 * the first command that needs it. All other files call its functions as if they were linked. What they call is the function's door, which is here:
 *
 *   DOOR(part, what it returns, its name, (parameters), (arguments), what it returns if the part cannot be opened, with a failure set)
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "export/export.h"
#include "export/store/http.h"
#include "input/trace/trace_decode.h"
#include "listen/listen.h"
#include "session/library.h"
#include "session/session.h"
#include "symbols/objects.h"
#include "top/live/terminal.h"

static struct part {
  const char *file, *packages; /* of Debian, that have its libraries */
  const char *build;           /* of Debian, without which a build leaves the part out */
  const char *instead;         /* what can be done without it, "" if nothing */
  void *handle;
} traces = {"traces.so", "libbabeltrace2-0", "libbabeltrace2-dev", "", NULL},
  record = {"record.so", "liblttng-ctl0", "liblttng-ctl-dev", "; hakmem run needs no LTTng", NULL}, names = {"names.so", "libdw1", "libdw-dev", "", NULL},
  terminal = {"terminal.so", "libncursesw6", "libncurses-dev", "; or print screens: hakmem top --batch 1", NULL},
  pprof = {"pprof.so", "libprotobuf-c1 and zlib1g", "libprotobuf-c-dev, protobuf-c-compiler and zlib1g-dev", "", NULL},
  push = {"push.so", "libcurl3-gnutls", "libcurl4-gnutls-dev", "; or send what hakmem export --pprof -o FILE writes with another program", NULL},
  listener = {"listen.so", "libmicrohttpd12 and libprotobuf-c1", "libmicrohttpd-dev, libprotobuf-c-dev and protobuf-c-compiler", "", NULL};

static bool part_open(struct part *part) {
  if (part->handle != NULL) return true;
  char *const path = library_find_part(part->file);
  if (path == NULL) return fail("this build of hakmem has no %s: install %s, and build hakmem again%s", part->file, part->build, part->instead);
  part->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  free(path);
  return part->handle != NULL || fail("%s; install %s%s", dlerror(), part->packages, part->instead);
}

/* The function of the part itself: this program's own one of that name is the door. */
static void *part_function(struct part *part, const char *name) {
  void *const function = part_open(part) ? dlsym(part->handle, name) : NULL;
  if (part->handle != NULL && function == NULL) fail("%s is of another version: install hakmem again", part->file);
  return function;
}

#define DOOR(part, type, name, parameters, arguments, otherwise) \
  type name parameters { \
    typeof(name) *const function = (typeof(name) *)part_function(&part, #name); \
    if (function == NULL) return otherwise; \
    return function arguments; \
  }

DOOR(traces, bool, trace_decode,
     (char *const *directories, size_t count, uint32_t pid, struct trace_model *model, struct trace_progress *progress, trace_give *give),
     (directories, count, pid, model, progress, give), false)

DOOR(record, bool, session_start, (struct session * s, const char *output, const struct session_settings *settings), (s, output, settings), false)
DOOR(record, bool, session_stop, (struct session * s, bool (*goes_on)(const void *context), const void *context), (s, goes_on, context), false)
DOOR(record, void, session_fini, (struct session * s), (s), )
DOOR(record, int, session_count, (void), (), 0)
DOOR(record, bool, session_daemon_runs, (void), (), false)

DOOR(terminal, bool, terminal_open, (void), (), false)
DOOR(terminal, void, terminal_close, (void), (), )
DOOR(terminal, void, terminal_size, (int *width, int *height), (width, height), )
DOOR(terminal, void, terminal_draw, (const struct screen *s), (s), )
DOOR(terminal, int, terminal_key, (const struct screen *s), (s), PRESSED_NOTHING)

DOOR(pprof, bool, export_pprof, (FILE * out, const struct page *page, const struct export_options *o), (out, page, o), false)

DOOR(push, bool, http_begin, (void), (), false)
DOOR(push, enum http_result, http_post, (const struct http_post *post), (post), HTTP_FAILED)

DOOR(listener, bool, listen_serve, (const struct listen_options *o), (o), false)

/* Without names, everything else is still true: it is said once. The one symbol keeps its module and offset. */
static size_t nameless(void) {
  static bool said;
  if (!said) say("stacks have no names of functions: %s", failure());
  said = true;
  return 1;
}
DOOR(names, size_t, objects_name, (const char *path, const char *build_id, uint64_t offset, bool is_return_address, struct symbol symbols[SYMBOLS_MAX]),
     (path, build_id, offset, is_return_address, symbols), nameless())
DOOR(names, size_t, objects_name_own, (const char *path, uint64_t own, struct symbol symbols[SYMBOLS_MAX]), (path, own, symbols), nameless())
DOOR(names, const char *, objects_replaced, (size_t index), (index), NULL)
