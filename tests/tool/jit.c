/*
 * jit: makes a function of its own at run time, as a JIT compiler does, lets it call another one that allocates, and writes it into /tmp/perf-PID.map.
 *
 *   jit           the map has the function as "generated", after an older one at the same place
 *   jit hostile   the map has lines that are none, and a name that would drive a terminal
 *   jit dump      there is a jitdump, /tmp/jit-PID.dump, with a function that moved to its place, and an end that is cut off
 *   jit nothing   there is no map
 */
#include <stdint.h>
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

static void write_dump(uint64_t address) {
  char path[64];
  snprintf(path, sizeof(path), "/tmp/jit-%d.dump", (int)getpid());
  FILE *const file = fopen(path, "w");
  if (file == NULL) exit(1);
  const struct {
    uint32_t magic, version, size, machine, unused, pid;
    uint64_t time, flags;
  } head = {0x4a695444, 1, sizeof(head), 62, 0, (uint32_t)getpid(), 0, 0};
  const struct {
    uint32_t id, size;
    uint64_t time;
    uint32_t pid, tid;
    uint64_t vma, address, code_size, index;
    char name[16];
  } load = {0, sizeof(load), 0, 0, 0, 0x1000, 0x1000, sizeof(code), 1, "moved(int)"};
  const struct {
    uint32_t id, size;
    uint64_t time;
    uint32_t pid, tid;
    uint64_t vma, from, to, code_size, index;
  } move = {1, sizeof(move), 0, 0, 0, address, 0x1000, address, sizeof(code), 1};
  fwrite(&head, sizeof(head), 1, file);
  fwrite(&load, sizeof(load), 1, file);
  fwrite(&move, sizeof(move), 1, file);
  fwrite(&load, sizeof(load) / 2, 1, file);
  fclose(file);
}

int main(int argc, char **argv) {
  const char *const how = argc > 1 ? argv[1] : "";
  char *const page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return 1;
  memcpy(page, code, sizeof(code));
  if (mprotect(page, 4096, PROT_READ | PROT_EXEC) != 0) return 1;
  if (strcmp(how, "dump") == 0) {
    write_dump((uint64_t)(uintptr_t)page);
  } else if (strcmp(how, "nothing") != 0) {
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
