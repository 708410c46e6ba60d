/* Leaks of every kind, and what is none. */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct node {
  struct node *next, *before;
  char rest[40];
};

char *global, *inside;
void *small_freed[8];

__attribute__((noinline)) static void lose_ring(void) {
  struct node *first = malloc(sizeof(*first)), *p = first;
  for (int i = 0; i < 9; i++) {
    p->next = malloc(sizeof(*p));
    p->next->before = p;
    p = p->next;
  }
  p->next = first;
  first->before = p;
}

__attribute__((noinline)) static void lose_list(void) {
  void **head = NULL;
  for (int i = 0; i < 10; i++) {
    void **p = malloc(24 + 100 * i);
    *p = head;
    head = p;
  }
}

__attribute__((noinline)) static uintptr_t lose_large(size_t size) {
  char *volatile p = malloc(size);
  p[0] = 1;
  return ((uintptr_t)p + size / 2) / 1000;
}

/* The count of the bytes that were mapped becomes, as a number, an address inside one of many lost blocks. Nothing else is as much. */
__attribute__((noinline)) static void count_as_address(uintptr_t address) {
  void *volatile huge[20];
  for (int i = 0; i < 16; i++) lose_large(600000);
  for (int i = 0; i < 20; i++) huge[i] = malloc(address / 20);
  for (int i = 0; i < 20; i++) free(huge[i]);
  malloc_trim(0);
}

__attribute__((noinline)) static void keep(void) {
  global = malloc(100);
  *(void **)global = calloc(1, 200000); /* reached through a block, */
  **(void ***)global = malloc(31);      /* and that through another */
  inside = (char *)malloc(500) + 10;
  *(void **)(inside + 6) = NULL;
}

/* Freed blocks hold pointers to live ones: they must not count. */
__attribute__((noinline)) static void lose_behind_freed(void) {
  void **p = malloc(64);
  p[3] = malloc(77);
  free(p);
}

__attribute__((noinline)) static void wipe_stack(void) {
  volatile char wipe[4000];
  memset((void *)wipe, 0, sizeof(wipe));
}

int main(int argc, char **argv) {
  (void)argv;
  lose_ring();
  lose_list();
  lose_large(33000);
  lose_large(77777);
  const uintptr_t inside_large = lose_large(600000); /* no larger: numbers that look like pointers into it would be found */
  dprintf(1, "%ju\n", (uintmax_t)inside_large);
  if (argc > 1) count_as_address(inside_large * 1000);
  keep();
  lose_behind_freed();
  for (int i = 0; i < 8; i++) free(small_freed[i] = malloc(48));
  wipe_stack();
  return 0;
}
