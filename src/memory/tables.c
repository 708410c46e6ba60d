/*
 * tables.c: memory for hakmem's own tables: large ones between two pages that cannot be touched, and small structures that are taken from such chunks.
 * Declared in os.h.
 */
#include "checker_hooks.h"
#include "os.h"

#define METADATA_CHUNK (256 * KIB)
#define METADATA_ALIGN ((size_t)64)

void *os_map_table(size_t size) {
  int error;
  const size_t whole = align_up(size, os_page_size());
  void *const base = os_map_guarded(whole, os_page_size(), &error);
  if (base != NULL) hub_note_table(base, whole, true);
  return base;
}

void os_unmap_table(void *base, size_t size) {
  const size_t whole = align_up(size, os_page_size());
  hub_note_table(base, whole, false);
  os_unmap_guarded(base, whole);
}

static struct {
  struct lock lock;
  char *next, *end; /* the unused rest of the current chunk */
  size_t used;
} metadata;

static void *metadata_take(size_t size, size_t align) {
  lock_take(&metadata.lock);
  char *p = (char *)align_up((uintptr_t)metadata.next, align);
  if (metadata.next != NULL && p <= metadata.end && (size_t)(metadata.end - p) >= size) {
    metadata.next = p + size;
    __atomic_fetch_add(&metadata.used, size, __ATOMIC_RELAXED);
  } else {
    p = NULL;
  }
  lock_release(&metadata.lock);
  return p;
}

static void *metadata_get(size_t size, size_t align) {
  assert(size <= METADATA_CHUNK / 4);
  for (;;) {
    void *p = metadata_take(size, align);
    if (p != NULL) return p;
    char *const chunk = os_map_table(METADATA_CHUNK);
    if (chunk == NULL) return NULL;
    lock_take(&metadata.lock);
    const bool needed = (size_t)(metadata.end - metadata.next) < size + align;
    if (needed) {
      metadata.next = chunk;
      metadata.end = chunk + METADATA_CHUNK;
    }
    lock_release(&metadata.lock);
    if (!needed) os_unmap_table(chunk, METADATA_CHUNK); /* another thread was faster */
  }
}

void *os_metadata(size_t size) { return metadata_get(align_up(size, METADATA_ALIGN), METADATA_ALIGN); }
void *os_metadata_pages(size_t size) { return metadata_get(align_up(size, os_page_size()), os_page_size()); }

void os_metadata_rest(void *p, size_t size) {
  size = align_up(size, os_page_size());
  os_purge(p, size);
  __atomic_fetch_sub(&metadata.used, size, __ATOMIC_RELAXED);
}

void os_metadata_wake(size_t size) { __atomic_fetch_add(&metadata.used, align_up(size, os_page_size()), __ATOMIC_RELAXED); }

const struct layout_number os_metadata_layout = LAYOUT_NUMBER(metadata.used);
size_t os_metadata_used(void) { return __atomic_load_n(&metadata.used, __ATOMIC_RELAXED); }

const struct lock_row os_metadata_locks = LOCK_ROW(metadata.lock);
