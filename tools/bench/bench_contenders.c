/*
 * bench_contenders.c: the contenders. An allocator takes part if random_mixed, started with it, says that its malloc comes from there. The dynamic
 * linker only warns about a library that it cannot load; so such a library is never measured under the wrong name.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <jansson.h>

#include "bench.h"
#include "bench_measure.h"
#include "common/error.h"
#include "session/library.h"
#include "common/memory.h"

#define VARIABLES BENCH_PEER_VARIABLES

static const struct known {
  const char *name, *library, *package;
  bool own;
} known[] = {
  {"glibc", "", NULL, false},
  {"hakmem", LIBRARY_ALLOCATOR, NULL, true},
  {"hakmem-plain", "libhakmem-plain.so", NULL, true},
  {"mimalloc", "libmimalloc.so.2", "libmimalloc2.0", false},
  {"jemalloc", "libjemalloc.so.2", "libjemalloc2", false},
  {"tcmalloc", "libtcmalloc_minimal.so.4", "libtcmalloc-minimal4", false},
  {"loop", "", NULL, false},
};
#define KNOWN (sizeof(known) / sizeof(known[0]))

struct contender *bench_add_contender(struct bench *b, const char *name, const char *library) {
  b->contenders = must_grow(b->contenders, b->contender_count, &b->contender_capacity, sizeof(*b->contenders));
  struct contender *const c = &b->contenders[b->contender_count++];
  *c = (struct contender){.name = must_copy(name), .library = must_copy(library)};
  c->environment = must_allocate((VARIABLES + 1) * sizeof(*c->environment));
  return c;
}

void bench_set_variable(struct contender *c, const char *name, const char *value) {
  size_t count = 0;
  while (c->environment[count] != NULL) count++;
  if (count < VARIABLES) c->environment[count] = must_print("%s=%s", name, value);
}

static const char *file_name(const char *path) {
  const char *const slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}

/* The file that malloc comes from when `library` is preloaded, with these variables; NULL if the library did not replace malloc. */
static char *try_library(const struct bench *b, const char *library, char **environment) {
  char *const program = bench_program("random_mixed");
  if (program == NULL) return NULL;
  char *argv[] = {program, (char *)"--ws", (char *)"1", (char *)"--ops", (char *)"1", (char *)"--json", NULL};
  struct measured m;
  char *path = NULL;
  if (measure_run(&m, &(struct measure){.argv = argv, .preload = library, .environment = environment, .directory = b->directory}) && m.exit_code == 0) {
    json_t *const said = json_loads(m.output, JSON_DISABLE_EOF_CHECK, NULL);
    const char *const from = json_string_value(json_object_get(said, "allocator"));
    /* The name may be a link: libhakmem.so is libhakmem.so.0. */
    char *const real = from != NULL ? realpath(from, NULL) : NULL, *const wanted = realpath(library, NULL);
    if (real != NULL && (wanted != NULL ? strcmp(real, wanted) == 0 : strcmp(file_name(from), library) == 0)) path = must_copy(from);
    free(real);
    free(wanted);
    json_decref(said);
  }
  measure_free(&m);
  free(program);
  return path;
}

static bool add_known(struct bench *b, const struct known *k) {
  char *path = NULL;
  if (k->own) {
    char *const library = library_find(k->library);
    if (library == NULL) return false;
    path = try_library(b, library, NULL);
    free(library);
    if (path == NULL) return measure_interrupted() == 0 && fail("%s did not replace malloc; build hakmem anew", k->library);
  } else if (*k->library == '\0') {
    path = must_copy("");
  } else if ((path = try_library(b, k->library, NULL)) == NULL) {
    if (measure_interrupted() != 0) return false;
    bench_leave_out(b, "%s: %s cannot be loaded (Debian package %s)", k->name, k->library, k->package);
    return true;
  }
  struct contender *const c = bench_add_contender(b, k->name, path);
  c->loop = strcmp(k->name, "loop") == 0;
  c->peer = !k->own && !c->loop;
  for (char **s = b->options.settings; k->own && s != NULL && *s != NULL; s++) {
    char *const name = must_copy(*s), *const equals = strchr(name, '=');
    *equals = '\0';
    bench_set_variable(c, name, equals + 1);
    free(name);
  }
  free(path);
  return true;
}

/* --peer-env NAME=VAR=VALUE, those of this peer. */
static char **peer_environment(const struct bench *b, const char *name) {
  char **const environment = must_allocate((BENCH_PEER_VARIABLES + 1) * sizeof(*environment));
  const size_t length = strlen(name);
  size_t count = 0;
  for (char **v = b->options.peer_variables; v != NULL && *v != NULL; v++) {
    if (strncmp(*v, name, length) == 0 && (*v)[length] == '=') environment[count++] = *v + length + 1;
  }
  return environment;
}

/* --peer NAME=LIB.so */
static bool add_peer(struct bench *b, const char *text) {
  const char *const equals = strchr(text, '=');
  char *const name = must_print("%.*s", (int)(equals - text), text);
  char *const library = realpath(equals + 1, NULL);
  char **const environment = peer_environment(b, name);
  char *path = NULL;
  bool good = true;
  b->misused = true; /* until the library works */
  if (library == NULL) {
    good = fail("there is no library %s for --peer %s", equals + 1, name);
  } else if (strpbrk(library, " :") != NULL) {
    good = fail("the path %s holds a space or a colon, which LD_PRELOAD cannot carry", library);
  } else if ((path = try_library(b, library, environment)) == NULL) {
    good = fail("%s does not replace malloc when it is preloaded; name a library that defines malloc", library);
  } else {
    struct contender *const c = bench_add_contender(b, name, path);
    c->peer = true;
    for (size_t i = 0; environment[i] != NULL; i++) c->environment[i] = must_copy(environment[i]);
    b->misused = false;
  }
  free(name);
  free(library);
  free(path);
  free(environment);
  return good;
}

static const struct known *find_known(const char *name) {
  for (size_t i = 0; i < KNOWN; i++) {
    if (strcmp(known[i].name, name) == 0) return &known[i];
  }
  return NULL;
}

/* Sets the failure: which allocators there are. */
static bool is_unknown(const char *name) {
  char *list = must_copy("");
  for (size_t i = 0; i < KNOWN; i++) must_list(&list, ", ", known[i].name);
  fail("bench does not know the allocator %s, but: %s; --peer %s=LIBRARY adds one", name, list, name);
  free(list);
  return false;
}

bool bench_find_allocators(struct bench *b) {
  bool good = true;
  for (size_t i = 0; b->options.allocators == NULL && good && i < KNOWN - 1; i++) good = add_known(b, &known[i]); /* not the loop */
  for (char **name = b->options.allocators; name != NULL && good && *name != NULL; name++) {
    const struct known *const k = find_known(*name);
    b->misused = k == NULL;
    good = k != NULL ? add_known(b, k) : is_unknown(*name);
  }
  for (char **peer = b->options.peers; peer != NULL && good && *peer != NULL; peer++) good = add_peer(b, *peer);
  return good && (b->contender_count > 0 || fail("none of the allocators is there"));
}
