/* debug_borders.c: every write next to a block, and every write to a freed one, is reported; see debug_mode.h. */
#include "debug_mode.h"

/* Whether the access was let through. */
static bool put_byte(volatile char *p, int value) {
  if (sigsetjmp(again, 0) != 0) return false;
  *p = (char)value;
  return true;
}

static int some_byte(void) { /* any but the pattern and the filling */
  static const int bytes[] = {0x00, 0xff, 0x41, 0xb6, 0x5f, 0xa1, 0x01, 0x77};
  static unsigned turn;
  const int byte = bytes[turn++ % (sizeof bytes / sizeof *bytes)];
  const char *fill = getenv("HAKMEM_DEBUG_FILL");
  return byte == (fill != NULL ? (int)strtol(fill, NULL, 0) : 0) ? 0x33 : byte;
}

/* ---- Every write next to a block is reported: by its free, realloc, malloc_usable_size, or malloc_trim, which looks at everything. ---- */

static void find(char *p, const struct damage *d, unsigned how) {
  static const char *const names[] = {"free", "realloc", "usable size", "audit"};
  if (how == 1) p = use_realloc(p, d->size + 1);
  if (how == 2) CHECK(malloc_usable_size(p) == d->size);
  if (how == 3) malloc_trim(0);
  if (how != 0) expect(d, names[how]);
  use_free(p);
  if (how == 0) expect(d, names[how]);
  expect_none("what was reported is reported again");
}

/* One byte so far off, on one side. */
static void one_byte(enum kind kind, size_t size, size_t off, bool behind, unsigned how) {
  char *p = block_of(kind, size);
  expect_none("nothing is wrong yet");
  const struct damage d = {p, size, off, behind ? HDR_OVERFLOW : HDR_UNDERFLOW};
  const int byte = some_byte();
  if (put_byte(behind ? p + size + off - 1 : p - off, byte)) {
    find(p, &d, how);
    CHECK(seen->event[0].got == byte);
  } else {
    expect(&d, "a fault");
    use_free(p);
    expect_none("behind a fault");
  }
}

/* Writes `length` bytes from the border on. What lies before a guard page may be reported a second time, by the free. */
static void run(enum kind kind, size_t size, size_t length, bool behind, unsigned how) {
  char *p = block_of(kind, size);
  struct damage d = {p, size, 0, behind ? HDR_OVERFLOW : HDR_UNDERFLOW};
  const int byte = some_byte();
  while (d.over < length && put_byte(behind ? p + size + d.over : p - d.over - 1, byte)) d.over++;
  if (d.over == length) return find(p, &d, how);
  d.over++;
  expect(&d, "a run that faults");
  use_free(p);
  d.over--;
  if (d.over != 0) expect(&d, "a run before a guard page");
  expect_none("behind a run");
}

static void borders_of(enum kind kind, size_t size, size_t step) {
  static unsigned how;
  for (size_t off = 1; off <= FAR; off = off + step > FAR && off < FAR ? FAR : off + step) {
    for (int behind = 0; behind < 2; behind++) {
      one_byte(kind, size, off, behind, how++ % 4);
      run(kind, size, off, behind, how % 4);
    }
    how += (unsigned)off % 3;
  }
}

static void all_borders(size_t step) {
  for (enum kind kind = 0; kind < KINDS; kind++) {
    for (size_t size = 0; size != SIZE_MAX; size = next_size(size, kind < ALIGNED ? 61 : 307)) {
      if (is_kind(kind, size)) borders_of(kind, size, size < 32768 ? step : 9 * step);
    }
  }
}

static void borders(void) { all_borders(1); }

/* The same when no slots are left: every block has redzones. */
static void borders_full(void) {
  for (unsigned i = 0; i < 500; i++) CHECK(use_malloc(0) != NULL);
  for (unsigned i = 0; i < 60; i++) CHECK(use_malloc(60000) != NULL);
  for (unsigned i = 0; i < 20; i++) CHECK(use_malloc(200000) != NULL);
  for (unsigned i = 0; i < 3; i++) CHECK(use_malloc(3000000) != NULL);
  all_borders(3);
}

/* ---- Every write to a freed block is reported before the block can be anybody's. ---- */

static void write_after_free(size_t size, size_t from, size_t length, unsigned how) {
  char *p = use_malloc(size);
  use_free(p);
  struct damage d = {p, size, from, HDR_USE_AFTER_FREE};
  const int byte = some_byte();
  for (size_t i = 0; i < length; i++) {
    if (put_byte(p + from + i, byte)) continue;
    CHECK(i == 0);
    return expect(&d, "a fault after free");
  }
  d.verdict = HDR_WRITE_AFTER_FREE;
  d.over = from + length;
  if (how == 0) flush();
  else malloc_trim(0);
  expect(&d, how == 0 ? "leaving the quarantine" : "an audit of what is freed");
  flush();
  expect_none("what was reported is reported again");
}

static void writes_after_free(void) {
  unsigned turn = 0;
  for (size_t size = 1; size != SIZE_MAX; size = next_size(size, 409)) {
    const size_t step = size <= 256 ? 1 : size < 5000 ? 37 : size / 13;
    for (size_t at = 0; at < size; at += step) {
      write_after_free(size, at, 1, turn++ % 2);
      const size_t rest = size - at;
      write_after_free(size, at, rest < 200 ? rest : 200, turn % 2);
    }
  }
  /* A write around a freed block. */
  for (size_t off = 1; off <= FAR; off++) {
    for (int behind = 0; behind < 2; behind++) {
      char *p = use_malloc(100);
      use_free(p);
      CHECK(put_byte(behind ? p + 100 + off - 1 : p - off, some_byte()));
      flush();
      expect(&(struct damage){p, 100, off, behind ? HDR_OVERFLOW : HDR_UNDERFLOW}, "around a freed block");
    }
  }
}

/* ---- Nothing: every access faults. ---- */

static void nothing(void) {
  for (unsigned i = 0; i < 1000; i++) {
    char *p = i % 2 == 0 ? use_malloc(0) : use_calloc(0, i);
    CHECK(p != NULL && (uintptr_t)p % 16 == 0 && malloc_usable_size(p) == 0);
    const long off = (long)i % 129 - 64;
    struct damage d = {p, 0, (size_t)(off >= 0 ? off + 1 : -off), off >= 0 ? HDR_OVERFLOW : HDR_UNDERFLOW};
    CHECK(i % 3 == 0 ? !can_read(p + off) : !put_byte(p + off, 1));
    expect(&d, "malloc(0)");
    use_free(p);
    CHECK(!can_read(p));
    atomic_store(&seen->count, 0);
  }
}

int main(int argc, char **argv) {
  static const struct test all[] = {
    {"borders", borders},
    {"borders_full", borders_full},
    {"writes_after_free", writes_after_free},
    {"nothing", nothing},
  };
  return run_test(argc, argv, all, sizeof all / sizeof *all);
}
