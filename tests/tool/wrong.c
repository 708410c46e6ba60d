/*
 * A misuse in libraries that come and go, one after the other:   wrong [-d] LIBRARY...
 * With -d, each is deleted once it is loaded.
 * With -DNAME=FUNCTION, such a library: FUNCTION frees a block twice, in an inlined function.
 */
#include <stdio.h>
#include <stdlib.h>

#ifdef NAME
static inline __attribute__((always_inline)) void free_twice(void *volatile block) {
  free(block);
  free(block); /* the misuse */
}

__attribute__((noinline)) void NAME(void);
void NAME(void) {
  free_twice(malloc(100));
  __asm__ volatile("");
}

void wrong(void);
void wrong(void) {
  NAME();
  __asm__ volatile("");
}
#else
#include <dlfcn.h>
#include <link.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv) {
  const int delete = argc > 1 && strcmp(argv[1], "-d") == 0;
  for (int i = 1 + delete; i < argc; i++) {
    void *library = dlopen(argv[i], RTLD_NOW);
    if (library == NULL) return fprintf(stderr, "%s\n", dlerror()), 1;
    if (delete &&unlink(argv[i]) != 0) return 1;
    void (*wrong)(void);
    *(void **)&wrong = dlsym(library, "wrong");
    wrong();
    const struct link_map *map = library;
    printf("%lx\n", (unsigned long)map->l_addr);
    dlclose(library);
  }
  return 0;
}
#endif
