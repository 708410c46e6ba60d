/*
 * calls: a sequence of calls of the hak_ names, with a shadow of every live block. An input is a list of operations; some of them are run by a thread of
 * their own, which ends before the next one. Wrong calls (double and invalid frees) are among them: they change nothing that belongs to other blocks.
 *
 *   operation:  what 1   slot 1   size 2
 *
 * Checked: what model.c checks, after each operation that concerns the block; and the core's invariants at the end of each input.
 */
#include "tests/fuzz/input.h"

#include <errno.h>
#include <pthread.h>

#include "alloc/valid.h"
#include "hakmem.h"

#define SLOTS 64
#define OPERATIONS_MOST 400
#define LIVE_MOST ((size_t)64 << 20)

struct shadow {
  unsigned char *block; /* NULL: none */
  size_t size, align;
  unsigned char fill;
};

static struct shadow slots[SLOTS];
static size_t live;
static unsigned char next_fill;

/* Sizes at the edges of classes and of paths come up far more often than by chance. */
static size_t size_of(unsigned low, unsigned high) {
  static const size_t edges[] = {0, 16, 1024, 8192, 32768, 65536, 131072, 524288, 1048576, 2097152, 4194304};
  if (high < 128) return low + high % 8 * 256u;
  if (high < 192) return low * 256u + high;
  const size_t edge = edges[high % (sizeof(edges) / sizeof(edges[0]))], offset = low % 64;
  return low < 128 ? edge + offset : edge > offset ? edge - offset : edge;
}

static void write_block(struct shadow *s) {
  s->fill = ++next_fill;
  memset(s->block, s->fill, s->size);
}

static void check_bytes(const struct shadow *s, const unsigned char *block, size_t size) {
  for (size_t i = 0; i < size; i += size < 4096 || i < 64 || i + 64 > size ? 1 : 61) MUST(block[i] == s->fill);
}

static void take_in(struct shadow *s, void *block, size_t size, size_t align, int error) {
  MUST(block != NULL && error == 5 && (uintptr_t)block % align == 0);
  MUST(hak_usable_size(block) >= size);
  for (unsigned i = 0; i < SLOTS; i++) {
    const struct shadow *const other = &slots[i];
    if (other != s && other->block != NULL) MUST((unsigned char *)block + size <= other->block || other->block + other->size <= (unsigned char *)block);
  }
  *s = (struct shadow){.block = block, .size = size, .align = align};
  live += size;
  write_block(s);
}

static void allocate(struct shadow *s, unsigned how, unsigned low, unsigned high) {
  const size_t size = size_of(low, high);
  size_t align = 16;
  void *block = NULL;
  int result = 0;
  if (live + size > LIVE_MOST) return;
  errno = 5;
  switch (how % 8) {
    case 0: block = hak_calloc(low % 7 + 1u, size / (low % 7 + 1u)); break;
    case 1: block = hak_realloc(NULL, size); break;
    case 2: align = (size_t)16 << low % 10, block = hak_aligned_alloc(align, size); break;
    case 3: align = (size_t)16 << high % 14, result = hak_posix_memalign(&block, align, size); break;
    case 4: align = (size_t)16 << low % 5, block = hak_memalign(align, size); break;
    default: block = hak_malloc(size);
  }
  const int error = errno;
  MUST(result == 0);
  const size_t given = how % 8 == 0 ? size / (low % 7 + 1u) * (low % 7 + 1u) : size;
  for (size_t i = 0; how % 8 == 0 && i < given; i++) MUST(((unsigned char *)block)[i] == 0);
  take_in(s, block, given, align, error);
}

static void forget(struct shadow *s) {
  live -= s->size;
  *s = (struct shadow){0};
}

static void release(struct shadow *s, unsigned how) {
  unsigned char *const block = s->block;
  check_bytes(s, block, s->size);
  errno = 5;
  if (how % 8 == 0 && s->align == 16) hak_free_sized(block, s->size);
  else if (how % 8 == 1) hak_free_aligned_sized(block, s->align, s->size);
  else if (how % 8 == 2 && s->size > 0) MUST(hak_realloc(block, 0) == NULL);
  else hak_free(block);
  MUST(errno == 5);
  forget(s);
  if (how % 16 == 15) hak_free(block); /* a double free, which the header or the record shows */
}

static void resize(struct shadow *s, unsigned low, unsigned high) {
  const size_t size = size_of(low, high);
  if (size == 0 || live + size > LIVE_MOST) return;
  const struct shadow before = *s;
  check_bytes(s, s->block, s->size);
  errno = 5;
  unsigned char *const block = low % 2 == 0 ? hak_realloc(s->block, size) : hak_reallocarray(s->block, 1, size);
  const int error = errno;
  MUST(block != NULL);
  check_bytes(&before, block, before.size < size ? before.size : size);
  forget(s);
  take_in(s, block, size, 16, error);
}

static void fail_on_purpose(struct shadow *s, unsigned low) {
  void *out = s;
  errno = 0;
  if (low % 8 == 0) MUST(hak_malloc((size_t)PTRDIFF_MAX + 1 + low) == NULL && errno == ENOMEM);
  if (low % 8 == 1) MUST(hak_calloc(SIZE_MAX / 7, 8 + low) == NULL && errno == ENOMEM);
  if (low % 8 == 2) MUST(hak_aligned_alloc(48, low) == NULL && errno == EINVAL);
  if (low % 8 == 3) MUST(hak_posix_memalign(&out, 4, low) == EINVAL && out == s);
  if (low % 8 == 4 && s->block != NULL) MUST(hak_realloc(s->block, SIZE_MAX - low) == NULL && errno == ENOMEM);
  if (low % 8 == 5 && s->block != NULL) MUST(hak_reallocarray(s->block, SIZE_MAX / 2, 3) == NULL && errno == ENOMEM);
  if (low % 8 == 6 && s->size > 32) hak_free(s->block + 16); /* an interior pointer; not if the class's blocks are of 16 bytes */
  if (low % 8 == 7) hak_free(&slots[low % SLOTS]);
  if (s->block != NULL) check_bytes(s, s->block, s->size);
}

static void operate(struct input *in) {
  const unsigned what = (unsigned)input_number(in, 1), slot = (unsigned)input_number(in, 1), low = (unsigned)input_number(in, 1),
                 high = (unsigned)input_number(in, 1);
  struct shadow *const s = &slots[slot % SLOTS];
  if (what < 16) fail_on_purpose(s, low);
  else if (what == 16) hak_trim(low % 2 * (size_t)4000000);
  else if (what == 17) hak_snapshot();
  else if (what == 18 && s->block != NULL) MUST(hak_usable_size(s->block) >= s->size);
  else if (s->block == NULL) allocate(s, what, low, high);
  else if (what < 100) resize(s, low, high);
  else release(s, what);
}

/* The operations up to the next change of threads. */
static void *operate_some(void *context) {
  struct input *const in = context;
  for (unsigned i = 0; i < OPERATIONS_MOST && input_left(in) > 0 && *in->at != 255; i++) operate(in);
  return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct input in = {bytes, bytes + (size < 4 * OPERATIONS_MOST ? size : 4 * OPERATIONS_MOST)};
  while (input_left(&in) > 0) {
    operate_some(&in);
    pthread_t thread;
    if (input_left(&in) == 0) break;
    in.at++; /* 255: the next ones are another thread's */
    MUST(pthread_create(&thread, NULL, operate_some, &in) == 0 && pthread_join(thread, NULL) == 0);
    if (input_left(&in) > 0 && *in.at == 255) in.at++;
  }
  for (unsigned i = 0; i < SLOTS; i++) {
    if (slots[i].block != NULL) release(&slots[i], 3);
  }
  const char *const broken = core_broken();
  if (broken != NULL) fprintf(stderr, "broken: %s\n", broken);
  MUST(broken == NULL && live == 0);
  return 0;
}
