#include "seals.h"

#include <errno.h>

#include "memory/os.h"
#include "memory/sets/ranges.h"

#define AT_ONCE 16 /* pages that are opened one by one; if there are more, all of the range is */

static struct {
  struct lock lock;
  struct ranges pages; /* that are sealed */
} seals BULK;

static bool refused;       /* atomic; the kernel is too old to mark pages, or a filter forbids it, or the memory is locked */
static bool marked, split; /* atomic; pages were sealed by a mark, and by a mapping of their own */

/* ---- The kernel. ---- */

static void note(bool *fact) {
  if (!__atomic_load_n(fact, __ATOMIC_RELAXED)) __atomic_store_n(fact, true, __ATOMIC_RELAXED);
}

static bool is(const bool *fact) { return __atomic_load_n(fact, __ATOMIC_RELAXED); }

static bool mark(char *page) {
  if (is(&refused)) return false;
  const int error = os_mark_pages(page, os_page_size());
  if (error == 0) note(&marked);
  else if (error != ENOMEM) note(&refused);
  return error == 0;
}

static bool close_page(char *page, bool splits) {
  if (mark(page)) return true;
  if (!splits || !os_shut(page, os_page_size())) return false;
  note(&split);
  os_guards_add(page, os_page_size());
  return true;
}

static bool open_pages(char *base, size_t size) {
  if (is(&marked) && !os_clear_pages(base, size)) return false;
  if (!is(&split)) return true;
  if (!os_open(base, size)) return false;
  os_guards_cut(base, size);
  return true;
}

/* ---- The set. ---- */

static void change(void (*how)(struct ranges *, uintptr_t, uintptr_t), const char *base, size_t size) {
  lock_take(&seals.lock);
  how(&seals.pages, (uintptr_t)base, (uintptr_t)base + size);
  lock_release(&seals.lock);
}

void seal_forget(const char *base, size_t size) { change(ranges_cut, base, size); }

/* Opens [base, base + size), and forgets the pages. */
static bool open(char *base, size_t size) {
  if (!open_pages(base, size)) return false;
  seal_forget(base, size);
  return true;
}

/* The sealed pages of a range, but for the one that is wanted. */
struct found {
  char *page[AT_ONCE];
  unsigned count; /* may be more */
  bool has;       /* the wanted one is sealed */
  bool room;      /* else, it is in the set from now on */
};

static struct found find(char *base, size_t size, const char *at) {
  struct found found = {.count = 0};
  lock_take(&seals.lock);
  const uintptr_t page = os_page_size(), behind = (uintptr_t)base + size;
  for (uintptr_t next = (uintptr_t)base, start, end; ranges_next(&seals.pages, next, &start, &end) && start < behind;) {
    next = max_size(start, next); /* a range may join the last page of one block and the first one of the next */
    if (next >= behind) break;
    if (next == (uintptr_t)at) found.has = true;
    else if (found.count++ < AT_ONCE) found.page[found.count - 1] = (char *)next;
    next += page;
  }
  found.room = at != NULL && !found.has && seals.pages.count < RANGES_MAX;
  if (found.room) ranges_add(&seals.pages, (uintptr_t)at, (uintptr_t)at + page);
  lock_release(&seals.lock);
  return found;
}

bool seal_only(char *base, size_t size, char *at, bool splits, bool *sealed) {
  struct found found = find(base, size, at);
  bool opened = true;
  if (found.count > AT_ONCE) {
    opened = open(base, size);
    if (opened) found = find(base, size, at); /* the wanted page was opened with the others */
  } else {
    for (unsigned i = 0; i < found.count && opened; i++) opened = open(found.page[i], os_page_size());
  }
  *sealed = found.has;
  if (!found.room) return opened;
  *sealed = opened && close_page(at, splits);
  if (!*sealed) seal_forget(at, os_page_size());
  return opened;
}

char *seal_find(char *base, size_t size) {
  uintptr_t start, end;
  lock_take(&seals.lock);
  const bool found = ranges_next(&seals.pages, (uintptr_t)base, &start, &end) && start < (uintptr_t)base + size;
  lock_release(&seals.lock);
  return found ? (char *)max_size(start, (uintptr_t)base) : NULL;
}

const struct lock_row seal_locks = LOCK_ROW(seals.lock);
