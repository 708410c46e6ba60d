#include "demangle.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "short_name.h"

static bool shortens;

void demangle_shorten(void) { shortens = true; }

typedef char *cxa_demangle(const char *name, char *buffer, size_t *length, int *status);

/* Opened when it is first needed: a C program should not need the C++ library. */
static cxa_demangle *find_demangler(void) {
  static bool tried;
  static cxa_demangle *found;
  if (!tried) {
    tried = true;
    void *const library = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_LOCAL);
    if (library != NULL) found = (cxa_demangle *)dlsym(library, "__cxa_demangle");
  }
  return found;
}

char *demangle(const char *name) {
  cxa_demangle *const demangler = strncmp(name, "_Z", 2) == 0 ? find_demangler() : NULL;
  int status;
  char *const readable = demangler != NULL ? demangler(name, NULL, NULL, &status) : NULL;
  if (readable == NULL || !shortens) return readable != NULL ? readable : must_copy(name);
  char *const shorter = short_name(readable);
  free(readable);
  return shorter;
}
