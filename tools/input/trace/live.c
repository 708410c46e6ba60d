#include "live.h"

#include <stdio.h>
#include <string.h>

#define SCHEMES(S) S("net://") S("net4://") S("net6://")
#define LENGTH_IF_IT_BEGINS(scheme) \
  if (strncmp(path, scheme, strlen(scheme)) == 0) return strlen(scheme);

static size_t scheme_length(const char *path) {
  SCHEMES(LENGTH_IF_IT_BEGINS)
  return 0;
}

bool live_is_address(const char *path) { return scheme_length(path) > 0; }

void live_host(const char *address, char *host, size_t size) {
  const char *const path = strchr(address + scheme_length(address), '/');
  *host = '\0';
  if (path == NULL || strncmp(path, "/host/", 6) != 0) return;
  snprintf(host, size, "%.*s", (int)strcspn(path + 6, "/"), path + 6);
}
