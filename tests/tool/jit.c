/*
 * jit: makes a function of its own at run time, as a JIT compiler does, lets it call another one that allocates, and writes it into /tmp/perf-PID.map.
 *
 *   jit           the map has the function as "generated", after an older one at the same place
 *   jit hostile   the map has lines that are none, and a name that would drive a terminal
 *   jit nothing   there is no map
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* push rbp; mov rbp, rsp; call rdi; pop rbp; ret */
static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};

static void *volatile kept[100];
static __attribute__((noinline)) void allocating(void) {
  for (unsigned i = 0; i < 100; i++) kept[i] = malloc(1000);
}

int main(int argc, char **argv) {
  const char *const how = argc > 1 ? argv[1] : "";
  char *const page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return 1;
  memcpy(page, code, sizeof(code));
  if (mprotect(page, 4096, PROT_READ | PROT_EXEC) != 0) return 1;
  if (strcmp(how, "nothing") != 0) {
    char path[64];
    snprintf(path, sizeof(path), "/tmp/perf-%d.map", (int)getpid());
    FILE *const map = fopen(path, "w");
    if (map == NULL) return 1;
    if (strcmp(how, "hostile") == 0) fprintf(map, "\n%lx\nzz 10 no\n%lx 0 empty\n%lx -1 \n", (unsigned long)page, (unsigned long)page, (unsigned long)page);
    fprintf(map, "%lx %zx older\n", (unsigned long)page, sizeof(code));
    fprintf(map, "%lx %zx %s\n", (unsigned long)page, sizeof(code), strcmp(how, "hostile") == 0 ? "a\033]0;b\007" : "generated(int)");
    fclose(map);
  }
  ((void (*)(void (*)(void)))(void *)page)(allocating);
  return 0;
}
