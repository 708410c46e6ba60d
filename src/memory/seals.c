#include "seals.h"

#include <errno.h>

#include "os.h"

static bool refused;       /* atomic; the kernel is too old to mark pages, or a filter forbids it, or the memory is locked */
static bool marked, split; /* atomic; pages were sealed by a mark, or by a mapping of their own */

static void note(bool *fact) {
  if (!__atomic_load_n(fact, __ATOMIC_RELAXED)) __atomic_store_n(fact, true, __ATOMIC_RELAXED);
}

static bool is(const bool *fact) { return __atomic_load_n(fact, __ATOMIC_RELAXED); }

static bool mark(void *base, size_t size) {
  if (is(&refused)) return false;
  const int error = os_mark_pages(base, size);
  if (error == 0) note(&marked);
  else if (error != ENOMEM) note(&refused);
  return error == 0;
}

bool seal(void *base, size_t size, bool splits) {
  if (mark(base, size)) return true;
  if (!splits || !os_shut(base, size)) return false;
  note(&split);
  os_guards_add(base, size);
  return true;
}

bool unseal(void *base, size_t size) {
  if (is(&marked) && !os_clear_pages(base, size)) return false;
  if (!is(&split)) return true;
  if (!os_open(base, size)) return false;
  os_guards_cut(base, size);
  return true;
}
