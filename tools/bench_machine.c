#include "bench_machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "memory.h"

char *machine_cpu(void) {
  FILE *const file = fopen("/proc/cpuinfo", "re");
  char *line = NULL, *name = NULL;
  size_t capacity = 0;
  while (file != NULL && name == NULL && getline(&line, &capacity, file) > 0) {
    char *const colon = strchr(line, ':');
    if (strncmp(line, "model name", strlen("model name")) != 0 || colon == NULL) continue;
    line[strcspn(line, "\n")] = '\0';
    name = must_copy(colon + 1 + strspn(colon + 1, " "));
  }
  free(line);
  if (file != NULL) fclose(file);
  return name != NULL ? name : must_copy("unknown processor");
}

char *machine_kernel(void) {
  struct utsname name;
  return uname(&name) == 0 ? must_print("%s %s", name.sysname, name.release) : must_copy("unknown");
}
