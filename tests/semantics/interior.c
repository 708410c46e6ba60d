/*
 * Frees addresses inside live blocks, of every class and of large, huge and aligned ones, with what looks like a header before them; and the first
 * address of the units and SuperSlabs that they lie in. All of it is refused: the blocks keep their contents and are handed out to no one else.
 */
#include <dlfcn.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void (*volatile use_free)(void *) = free;
static void *(*volatile use_realloc)(void *, size_t) = realloc;
static void (*use_delete)(void *), (*use_delete_sized)(void *, size_t), (*use_free_sized)(void *, size_t);

static unsigned char *others[64];

static int fail(const char *what, const void *p, size_t size) { return fprintf(stderr, "%s: %p of %zu bytes\n", what, p, size), exit(1), 1; }

/* `p` is no block's start: every function refuses it. */
static void give(void *p, size_t size) {
  use_free(p);
  if (use_delete != NULL) use_delete(p);
  if (use_delete_sized != NULL) use_delete_sized(p, size);
  if (use_free_sized != NULL) use_free_sized(p, size);
  if (use_realloc(p, size + 1) != NULL) fail("realloc took an inner address", p, size);
  if (malloc_usable_size(p) != 0) fail("malloc_usable_size took an inner address", p, size);
}

/* Nothing that is handed out now lies within the block. */
static void look(const unsigned char *block, size_t size, unsigned char fill) {
  for (unsigned i = 0; i < 64; i++) {
    others[i] = malloc(size);
    if (others[i] + size > block && others[i] < block + size) fail("the block was handed out again", block, size);
  }
  for (unsigned i = 0; i < 64; i++) use_free(others[i]);
  for (size_t i = 0; i < size; i++) {
    if (block[i] != fill) fail("the block was written to", block, size);
  }
}

static void inner(unsigned char *block, size_t size, unsigned char fill) {
  const size_t offsets[] = {1, 8, 16, 32, 48, 64, size / 2, size / 32 * 16, size - 1};
  memset(block, fill, size);
  for (unsigned i = 0; i < sizeof offsets / sizeof offsets[0]; i++) {
    if (offsets[i] > 0 && offsets[i] < size) give(block + offsets[i], size);
  }
  for (size_t unit = 65536 - ((uintptr_t)block & 65535); unit < size; unit += 65536) {
    if (unit > 0) give(block + unit, size); /* where another unit of it begins */
  }
}

static void test(unsigned char *block, size_t size) {
  if (block == NULL) fail("no memory", block, size);
  if (size <= 40000) {
    const uintptr_t starts[] = {(uintptr_t)block & ~(uintptr_t)65535, (uintptr_t)block & ~(uintptr_t)0x1fffff};
    for (unsigned i = 0; i < 2; i++) {
      if (starts[i] != (uintptr_t)block) use_free((void *)starts[i]);
    }
  }
  for (unsigned header = 0xa0; header <= 0xbf; header += size < 2000 ? 1 : 5) inner(block, size, (unsigned char)header);
  inner(block, size, 0x5f);
  look(block, size, 0x5f);
  use_free(block);
}

int main(void) {
  use_delete = (void (*)(void *))(uintptr_t)dlsym(RTLD_DEFAULT, "_ZdlPv");
  use_delete_sized = (void (*)(void *, size_t))(uintptr_t)dlsym(RTLD_DEFAULT, "_ZdlPvm");
  use_free_sized = (void (*)(void *, size_t))(uintptr_t)dlsym(RTLD_DEFAULT, "free_sized");
  for (size_t size = 15; size < 35744; size += size < 256 ? 16 : size / 8) test(malloc(size), size);
  for (size_t align = 32; align <= 65536; align *= 2) test(aligned_alloc(align, align), align);
  test(malloc(300000), 300000);
  test(malloc(5000000), 5000000);
  puts("good");
  return 0;
}
