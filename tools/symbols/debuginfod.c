#include "debuginfod.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/error.h"
#include "common/memory.h"
#include "common/progress.h"
#include "common/sandbox.h"

#define LIBRARY "libdebuginfod.so.1"
#define URLS "DEBUGINFOD_URLS"
#define TIMEOUT "DEBUGINFOD_TIMEOUT"
#define TIMEOUT_SECONDS "10"
#define ANSWERED (64 * 1024) /* `done` of a progress call counts rounds until the first bytes of a file come */

struct client;
typedef int find(struct client *client, const unsigned char *id, int length, char **path);
typedef int tell(struct client *client, long done, long whole);

/* The library is opened only if it is asked for: hakmem does not depend on it. */
static struct {
  char *urls; /* NULL: no server is asked */
  struct client *client;
  find *find[2];
  long timeout_ms, started_ms;
  bool is_silent;
} server;

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The library ends a transfer that has become slow, but not a connection that is never answered. */
static int on_progress(struct client *client, long done, long whole) {
  (void)client;
  sandbox_alive();
  const bool answered = whole > 0 || done > ANSWERED;
  if (answered) progress_update((uint64_t)done, whole > 0 ? (uint64_t)whole : 0, "bytes");
  server.is_silent = !answered && now_ms() - server.started_ms >= server.timeout_ms;
  return server.is_silent;
}

static bool open_library(void) {
  void *const library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return fail("--debuginfod: cannot open " LIBRARY "; install the package libdebuginfod1");
  struct client *(*const begin)(void) = (struct client * (*)(void)) dlsym(library, "debuginfod_begin");
  void (*const set_progress)(struct client *, tell *) = (void (*)(struct client *, tell *))dlsym(library, "debuginfod_set_progressfn");
  server.find[DEBUGINFOD_DEBUG] = (find *)dlsym(library, "debuginfod_find_debuginfo");
  server.find[DEBUGINFOD_OBJECT] = (find *)dlsym(library, "debuginfod_find_executable");
  const bool whole = begin != NULL && set_progress != NULL && server.find[0] != NULL && server.find[1] != NULL;
  server.client = whole ? begin() : NULL;
  if (server.client == NULL) return fail("--debuginfod: " LIBRARY " cannot be used; install the package libdebuginfod1 again");
  set_progress(server.client, on_progress);
  return true;
}

bool debuginfod_start(void) {
  const char *const urls = getenv(URLS);
  if (urls == NULL || *urls == '\0') return fail("--debuginfod: " URLS " names no server; set it, for example to https://debuginfod.debian.net");
  if (!open_library()) return false;
  setenv(TIMEOUT, TIMEOUT_SECONDS, 0);
  server.timeout_ms = strtol(getenv(TIMEOUT), NULL, 10) * 1000;
  if (server.timeout_ms <= 0) server.timeout_ms = strtol(TIMEOUT_SECONDS, NULL, 10) * 1000;
  server.urls = must_copy(urls);
  return true;
}

void debuginfod_keep_off(void) { unsetenv(URLS); }

int debuginfod_open(enum debuginfod_file file, const unsigned char *id, int length, char **path) {
  if (server.urls == NULL) return -1;
  server.started_ms = now_ms();
  server.is_silent = false;
  progress_start("asking debuginfod");
  setenv(URLS, server.urls, 1);
  const int fd = server.find[file](server.client, id, length, path);
  unsetenv(URLS);
  progress_clear();
  if (fd >= 0) return fd;
  if (fd == -ENOENT && !server.is_silent) return -1; /* it says ENOENT, too, if on_progress() ended the query */
  say("debuginfod: no answer from %s (%s): symbols are those of this machine", server.urls, server.is_silent || fd == -ETIME ? "timeout" : strerror(-fd));
  free(server.urls);
  server.urls = NULL;
  return -1;
}
