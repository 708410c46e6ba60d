/*
 * os.h: the only file that maps memory (os.c), and what the kernel tells of the process (process.c).
 *
 * Every function here may make system calls and raise events, so none is called with a lock held (os_metadata included). errno is kept. Sizes are
 * in bytes, and multiples of the page size unless the comment says otherwise.
 */
#ifndef HAKMEM_OS_H
#define HAKMEM_OS_H

#include "platform/base.h"
#include "platform/lock.h"
#include "layout.h"

/* Bytes of a page; a power of two. */
size_t os_page_size(void);

/*
 * Maps `size` bytes, readable, writable and zero, at a multiple of `align` (a power of two, at least a page). If that fails, returns NULL, and *error is
 * ENOMEM or another errno of mmap.
 */
void *os_map(size_t size, size_t align, int *error);

/*
 * The same, with a page on either side that cannot be touched, so that no write past the end of another mapping runs into this one. The two pages are
 * counted as mapped. If the kernel refuses to protect them, they lie there unprotected. os_unmap_guarded unmaps them, too.
 */
void *os_map_guarded(size_t size, size_t align, int *error);
size_t os_unmap_guarded(void *base, size_t size);

/*
 * Unmaps the two pages alone. Whether `page` is one of such pages, or of others that cannot be touched, which os_guards_add and os_guards_cut tell.
 */
void os_unmap_guards(void *base, size_t size);
bool os_is_guard(uintptr_t page);
void os_guards_add(void *base, size_t size);
void os_guards_cut(void *base, size_t size);

/* The same for one of hakmem's own tables, of any number of bytes. */
void *os_map_table(size_t size);
void os_unmap_table(void *base, size_t size);

/*
 * The same as os_map, if possible with `room` bytes (a multiple of a page) of unmapped address space behind it, into which os_resize can grow. They are
 * not reserved. If no place has so much room, it maps anywhere.
 */
void *os_map_before(size_t size, size_t room, size_t align, int *error);

/*
 * Unmaps a mapping, or a part of one. If the kernel refuses, the range stays mapped and counted, and is not used again. Its memory is returned.
 * Returns how many bytes of memory were returned. os_unmap_refused tries to unmap such ranges again.
 */
size_t os_unmap(void *base, size_t size);
void os_unmap_refused(void);

/*
 * Returns the memory behind [base, base + size) to the kernel; the addresses stay mapped. Returns `size`, or 0 if the kernel refuses, as it does for
 * locked memory; nothing is changed then.
 */
size_t os_purge_if_possible(void *base, size_t size);

/* The same, but the memory reads as zero afterwards even if the kernel refuses. */
void os_purge(void *base, size_t size);

/* Asks the kernel to back [base, base + size) with huge pages if it can (Linux: madvise, for THP). */
void os_prefer_huge_pages(void *base, size_t size);

/* Asks it not to: after a purge of some pages, a huge page would bring their memory back as soon as a neighbour is touched. */
void os_avoid_huge_pages(void *base, size_t size);

/* Makes untouched pages of [base, base + size) resident at once. Otherwise a page that is read before it is written costs two faults. */
void os_populate(void *base, size_t size);

/* Makes the mapping at `base` longer or shorter without moving it. False, and nothing changed, if the kernel refuses. */
bool os_resize(void *base, size_t old_size, size_t new_size);

enum os_place {
  OS_PLACE_OURS,
  OS_PLACE_TAKEN,  /* a part of it is mapped already */
  OS_PLACE_REFUSED /* the kernel gives us no more address space */
};

/*
 * os_reserve reserves the address space [at, at + size). It cannot be read or written, and uses no memory.
 * os_open makes a part of it readable, writable and zero (0 bytes are allowed). False: nothing is changed.
 * os_shut closes a part if the kernel permits it; os_open opens it again, with its content. os_open_anew opens it without its content, by a new mapping in
 * place of the old one: for a process that may not call mprotect.
 * os_close returns the part's memory and closes it. False: not all of that was done, and the part must not be opened again.
 */
enum os_place os_reserve(void *at, size_t size);
bool os_open(void *base, size_t size);
bool os_open_anew(void *base, size_t size);
bool os_shut(void *base, size_t size);
bool os_close(void *base, size_t size);

/*
 * The same for a reserved part, without mappings of its own: the kernel marks the closed pages instead (Linux 6.13). A fork copies each mapping, which
 * costs more than the mark of a page. os_mark closes the part for the first time. False: this kernel or process cannot do it, and nothing is changed.
 */
bool os_mark(void *base, size_t size);
bool os_open_marked(void *base, size_t size);
bool os_close_marked(void *base, size_t size);

/*
 * The same for pages of an open mapping, which stays open beside them. Their content is lost. os_mark_pages returns 0, or the kernel's errno, and then no
 * page is marked. os_clear_pages opens them; pages that are not marked keep their content. False: some may still be marked.
 */
int os_mark_pages(void *base, size_t size);
bool os_clear_pages(void *base, size_t size);

/*
 * Marks a reserved part that never opens as different from its neighbours, so that these stay mappings of their own. Then the kernel neither splits
 * nor joins mappings when they open and close, which is most of the cost of that.
 */
void os_fence(void *base, size_t size);

enum os_moved {
  OS_MOVED,
  OS_STAYED,     /* both mappings are unchanged */
  OS_TARGET_LOST /* `from` is unchanged; another thread may have mapped `to`, so do not touch it */
};

/*
 * Moves the pages of the mapping [from, from + old_size) to `to`, in place of the mapping [to, to + new_size). The target is not shorter and still zero.
 * Afterwards it is one mapping to the kernel, and `from` is unmapped.
 */
enum os_moved os_move(void *from, size_t old_size, void *to, size_t new_size);

/*
 * Zeroed memory for descriptors, aligned to 64 bytes. It is never returned: the caller keeps its own free list. `size` is any number of bytes up to
 * 64 KiB. NULL if the system is out of memory.
 */
void *os_metadata(size_t size);

/*
 * The same, in pages of its own. os_metadata_rest returns the memory to the kernel while the pages are unused; call os_metadata_wake before using them
 * again. They are never unmapped: a thread that still reads them reads zeros.
 */
void *os_metadata_pages(size_t size);
void os_metadata_rest(void *p, size_t size);
void os_metadata_wake(size_t size);

/*
 * Resident bytes of [base, base + size), both multiples of a page. If the kernel does not tell, they all count. Raises no event; signal safe.
 */
size_t os_resident(const void *base, size_t size);

/* Bytes of address space that are mapped now; bytes in use that came from os_metadata, without pages at rest. */
size_t os_mapped(void);
size_t os_metadata_used(void);
extern const struct layout_number os_mapped_layout, os_metadata_layout;

/*
 * The first range of memory mapped here that ends behind `at`, neighbours joined. False if there is none. Recorded only with HAKMEM_LEAKS.
 * os_own_is_whole: the table had a place for every range.
 */
bool os_own_next(uintptr_t at, uintptr_t *start, uintptr_t *end);
bool os_own_is_whole(void);

/*
 * Bytes that the process may still map, by its limits on address space and data. If it has no limits: all memory and swap of the machine. SIZE_MAX if
 * neither is known.
 */
size_t os_left(void);

/*
 * Whether all of the whole pages from `base` on are mapped. A forked child lacks pages that the program kept from it (MADV_DONTFORK), also some of hakmem's.
 * True if the kernel does not tell.
 */
bool os_is_mapped(const void *base, size_t size);
/* Whether the process, or one that it comes from, was forked. */
bool os_was_forked(void);

/* Resident bytes of the whole process, not only of hakmem's memory; 0 if /proc cannot be read. */
size_t os_resident_set(void);

/* Milliseconds since an unspecified origin; never decreases. Coarse (a few ms) and cheap. Signal safe. */
uint64_t os_now_ms(void);

/* The kernel's number of the calling thread. Signal safe. */
uint32_t os_thread(void);
/* The calling thread is about to end. */
void os_thread_ends(void);

/*
 * Every other running thread of the process passes a full memory barrier before this returns. False if the kernel does not offer that.
 * Call os_barrier_start once, while there is one thread: with several, the kernel needs milliseconds to prepare.
 */
bool os_barrier(void);
void os_barrier_start(void);

/* Sleeps while *word is `value`, until an os_wake; may also wake without one. */
void os_wait(uint32_t *word, uint32_t value);
void os_wake(uint32_t *word);

/* The errno of the last mapping that the system refused, 0 if none was. */
int os_last_error(void);

extern const struct lock_row os_metadata_locks, os_own_locks;
void os_fork_child(void);

#endif
