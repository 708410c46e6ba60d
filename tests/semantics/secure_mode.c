/*
 * Errors that HAKMEM_SECURE=1 must find, one a name; and what must hold without an error. It prints "missed" if an error ended nothing, or what does not
 * hold.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MANY 4000

static char *volatile block;
static char *volatile other;

static void overflow(void) {
  block = malloc(100);
  block[100] = 0;
  free(block);
}
static void overflow_seen_at_next(void) {
  block = malloc(100);
  block[100] = 0;
  other = malloc(500);
}
static void overflow_far(void) {
  block = malloc(4000);
  block[4030] ^= 1;
  free(block);
}
static void overflow_realloc(void) {
  block = malloc(100);
  block[100] = 0;
  block = realloc(block, 101);
}
/* Over the border, so far that its rest tells the size, and further. */
static void overflow_by_one(void) {
  block = malloc(40);
  memset(block, 'A', 41);
  free(block);
}
static void overflow_filler(void) {
  block = malloc(100);
  memset(block, 0, 106);
  free(block);
}
static void overflow_border(void) {
  block = malloc(40);
  memset(block, 'A', 47);
  free(block);
}
/* Three blocks of 40 bytes in a row. */
#define STRIDE 48
static char *first_of_three(void) {
  static char *many[600];
  for (int i = 0; i < 600; i++) many[i] = malloc(40);
  for (int i = 0; i < 600; i++) {
    int behind = 0;
    for (int k = 0; k < 600; k++) behind += many[k] == many[i] + STRIDE || many[k] == many[i] + 2 * STRIDE;
    if (behind == 2) return many[i];
  }
  exit(2);
}
/* From a live block into the free one behind it, but for that one's header. The block behind both is freed first. */
static void overflow_into_free(void) {
  block = first_of_three();
  free(block + STRIDE);
  for (size_t i = 40; i < 56; i++) block[i] = i == STRIDE - 1 ? block[i] : 'A';
  free(block + 2 * STRIDE);
}
static void underflow_into_free(void) {
  block = first_of_three();
  free(block + STRIDE);
  block[2 * STRIDE - 3] = 'A';
  free(block + 2 * STRIDE);
}
static void underflow(void) {
  block = malloc(100);
  block[-1] ^= 1;
  free(block);
}
static void write_after_free(void) {
  block = malloc(100);
  free(block);
  block[5] = 1;
  other = malloc(500);
}
static void write_after_free_reused(void) {
  block = malloc(100);
  free(block);
  block[50] = 1;
  for (int i = 0; i < MANY; i++) free(malloc(100));
}
/* Where the link of a free block lies. In the quarantine there is none yet. */
static void write_after_free_start(void) {
  block = malloc(100);
  free(block);
  other = malloc(100);
  free(other);
  memset(block, 7, 4);
  for (int i = 0; i < MANY; i++) free(malloc(100));
}
static void write_into_list(void) {
  static char *freed[300];
  for (int i = 0; i < 300; i++) freed[i] = malloc(100);
  for (int i = 0; i < 300; i++) free(freed[i]);
  for (int i = 0; i < 299; i++) memset(freed[i], 'A', 8);
  other = malloc(100);
}
static void double_free_later(void) {
  block = malloc(100);
  free(block);
  for (int i = 0; i < 10; i++) free(malloc(100));
  free(block);
}
static volatile size_t nothing; /* 0, unknown to the compiler, which would warn */
static void zero_size_read(void) {
  block = malloc(nothing);
  if (block[0] == 1) puts("one");
}
static void zero_size_write(void) {
  block = malloc(nothing);
  block[0] = 1;
}
static void large_overflow(void) {
  block = malloc(256 * 1024);
  block[256 * 1024] = 1;
}
static void large_after_free(void) {
  block = malloc(256 * 1024);
  free(block);
  block[5] = 1;
}
static void far_write(void) {
  block = malloc(100);
  block[1024 * 1024] = 1;
}

static void holds(int condition, const char *what) {
  if (condition) return;
  printf("does not hold: %s\n", what);
  exit(1);
}

/* Whether fresh blocks of `size` bytes come in another order than that of their addresses. */
static int is_random(size_t size) {
  uintptr_t last = 0;
  int up = 0;
  for (int i = 0; i < 200; i++) {
    const uintptr_t next = (uintptr_t)malloc(size);
    up += next > last;
    last = next;
  }
  return up < 150;
}

static void *work(void *unused) {
  static __thread char *slots[64];
  (void)unused;
  unsigned x = 1;
  for (int i = 0; i < 40 * MANY; i++) {
    x = x * 1103515245 + 12345;
    char **slot = &slots[x >> 16 & 63];
    free(*slot);
    const size_t size = x >> 8 & 1023;
    *slot = i % 3 == 0 ? calloc(1, size) : i % 3 == 1 ? malloc(size) : realloc(malloc(8), size + 1);
    if (i % 3 == 0) {
      for (size_t n = 0; n < size; n++) holds((*slot)[n] == 0, "calloc's memory is zero");
    }
    if (size != 0) memset(*slot, 0xa5, size);
  }
  for (int i = 0; i < 64; i++) free(slots[i]);
  return NULL;
}

static void no_error(void) {
  block = malloc(77);
  holds(malloc_usable_size(block) == 77, "malloc_usable_size is what was asked for");
  memset(block, 7, 77);
  block = realloc(block, 3000);
  for (int i = 0; i < 77; i++) holds(block[i] == 7, "realloc keeps the content");
  memset(block, 7, 3000);
  free(block);
  other = malloc(3000);
  holds(other != block, "a freed block is not used at once");
  for (int i = 0; i < 3000; i++) holds(other[i] == 0, "memory is zero when it is handed out");
  free(other);
  holds(is_random(40), "blocks are handed out in a random order");
  free(malloc(0));
  free(aligned_alloc(4096, 100));
  pthread_t thread[3];
  for (int i = 0; i < 3; i++) holds(pthread_create(&thread[i], NULL, work, NULL) == 0, "a thread starts");
  for (int i = 0; i < 3; i++) pthread_join(thread[i], NULL);
}

/* For HAKMEM_RANDOMIZE alone. */
static void order(void) { printf("%s\n", is_random(4000) ? "random" : "in order"); }

static const struct {
  const char *name;
  void (*run)(void);
} all[] = {
#define ROW(name) {#name, name},
  ROW(overflow) ROW(overflow_seen_at_next) ROW(overflow_far) ROW(overflow_realloc) ROW(overflow_by_one) ROW(overflow_filler) ROW(overflow_border)
    ROW(overflow_into_free) ROW(underflow_into_free) ROW(underflow) ROW(write_after_free) ROW(write_after_free_reused) ROW(write_after_free_start)
      ROW(write_into_list) ROW(double_free_later) ROW(zero_size_read) ROW(zero_size_write) ROW(large_overflow) ROW(large_after_free) ROW(far_write)
        ROW(no_error) ROW(order)};

int main(int argc, char **argv) {
  for (size_t i = 0; argc > 1 && i < sizeof(all) / sizeof(*all); i++) {
    if (strcmp(all[i].name, argv[1]) != 0) continue;
    all[i].run();
    if (all[i].run != no_error && all[i].run != order) {
      fputs("missed\n", stderr);
      fflush(stderr);
      _Exit(3);
    }
    return 0;
  }
  fputs("there is no such error\n", stderr);
  return 2;
}
