/*
 * os.h: the only file that maps memory.
 *
 * Every function here may make system calls and raises an event, so none is called with a lock held
 * (os_metadata included). errno is kept. Sizes are bytes and multiples of the page size unless said
 * otherwise.
 */
#ifndef HAKMEM_OS_H
#define HAKMEM_OS_H

#include "platform/base.h"
#include "platform/lock.h"

/* Bytes of a page; a power of two. */
size_t os_page_size(void);

/*
 * Maps `size` bytes, readable, writable and zero, at a multiple of `align` (a power of two, at least a page). Returns NULL
 * where it cannot be had; *error is then ENOMEM or another errno of mmap.
 */
void *os_map(size_t size, size_t align, int *error);

/*
 * The same at a place where also the `room` bytes behind, a multiple of a page, are nobody's, so that os_resize finds them; they are not
 * taken. Where no place has so many, anywhere.
 */
void *os_map_before(size_t size, size_t room, size_t align, int *error);

/*
 * Takes down a mapping, or a part of one. If the system refuses, it stays mapped and counted, and nobody uses it again. Returns the bytes whose
 * memory was given back.
 */
size_t os_unmap(void *base, size_t size);

/*
 * Gives the memory behind [base, base + size) back to the system. Returns `size`; or 0 where it is not taken, as locked memory is not: it
 * stays as it is.
 */
size_t os_purge_if_possible(void *base, size_t size);

/* The same, but the memory reads as zero afterwards in any case. */
void os_purge(void *base, size_t size);

/* Asks the system to back [base, base + size) with huge pages where it can (Linux: madvise, for THP). */
void os_prefer_huge_pages(void *base, size_t size);

/* Asks it not to, so that what is purged there does not come back with a huge page for what is left. */
void os_avoid_huge_pages(void *base, size_t size);

/* Puts memory behind untouched pages of [base, base + size) at once, in place of two faults each for who reads them first and writes then. */
void os_populate(void *base, size_t size);

/* Makes the mapping at `base` longer or shorter where it lies. False, and nothing changed, where it cannot be. */
bool os_resize(void *base, size_t old_size, size_t new_size);

enum os_place {
  OS_PLACE_OURS,
  OS_PLACE_TAKEN,  /* somebody has mapped a part of it */
  OS_PLACE_REFUSED /* the system has no more address space for us */
};

/*
 * Takes the address space [at, at + size), with nothing in it that can be read or written, at no cost but its place. os_open makes a
 * part of it, or none of 0 bytes, readable, writable and zero; false: nothing is changed. os_close gives its memory back and makes it as it was; false: it was not all done, and the
 * part must not be opened again.
 */
enum os_place os_reserve(void *at, size_t size);
bool os_open(void *base, size_t size);
bool os_close(void *base, size_t size);

/*
 * The same for a reserved part without mappings of its own: the kernel marks pages that nobody may touch (Linux 6.13). A fork copies each mapping, which
 * costs more than a page's mark. os_mark closes it for the first time; false: this kernel or this process cannot, and nothing is changed.
 */
bool os_mark(void *base, size_t size);
bool os_open_marked(void *base, size_t size);
bool os_close_marked(void *base, size_t size);

/*
 * A reserved part that never opens: what lies on its two sides are mappings of their own from now on, which the system need neither part nor
 * join when they open and close. That is most of what these cost.
 */
void os_fence(void *base, size_t size);

enum os_moved {
  OS_MOVED,
  OS_STAYED,     /* both are as before */
  OS_TARGET_LOST /* `from` is as before; what lies at `to` may be somebody else's now, and must not be touched */
};

/*
 * Moves the pages of the mapping [from, from + old_size) to `to`, in place of the mapping [to, to + new_size), which is not shorter, still zero, and one
 * to the system afterwards; `from` is unmapped then.
 */
enum os_moved os_move(void *from, size_t old_size, void *to, size_t new_size);

/*
 * Zeroed memory for descriptors, aligned to 64 bytes, never given back; whoever uses it keeps its own free
 * list. `size` is any number of bytes up to 64 KiB. NULL where the system has none.
 */
void *os_metadata(size_t size);

/*
 * The same, in pages of its own: os_metadata_rest gives the memory back for as long as nobody uses it, os_metadata_wake is called before it is
 * used again. Never unmapped: who still reads it reads zeros.
 */
void *os_metadata_pages(size_t size);
void os_metadata_rest(void *p, size_t size);
void os_metadata_wake(size_t size);

/*
 * Bytes of [base, base + size), both multiples of a page, that have memory behind them, as the kernel says; all of them if it does not
 * say. Raises no event; signal safe.
 */
size_t os_resident(const void *base, size_t size);

/* Bytes of address space mapped now; bytes handed out by os_metadata, those at rest not counted. */
size_t os_mapped(void);
size_t os_metadata_used(void);

/*
 * The first range of memory mapped here that ends behind `at`, neighbours joined; false where there is none. Known with HAKMEM_LEAKS alone.
 * os_own_is_whole: there was a place for each.
 */
bool os_own_next(uintptr_t at, uintptr_t *start, uintptr_t *end);
bool os_own_is_whole(void);

/*
 * Bytes that the process may still map, by its limits on address space and data; where there are none, all that the machine has. SIZE_MAX if that
 * cannot be found out.
 */
size_t os_left(void);

/* Milliseconds since any origin, never going back; coarse (a few ms), cheap. Signal safe. */
uint64_t os_now_ms(void);

/* The calling thread as the kernel numbers it. Signal safe. */
uint32_t os_thread(void);

/*
 * Every other running thread of the process passes a full memory barrier before this returns; false if the system does not offer that. os_barrier_start:
 * once, as long as there is one thread, with several of them it takes the kernel milliseconds to prepare.
 */
bool os_barrier(void);
void os_barrier_start(void);

/* Sleeps while *word is `value`, until an os_wake, or for no reason. */
void os_wait(uint32_t *word, uint32_t value);
void os_wake(uint32_t *word);

/* The errno of the last mapping that the system refused, 0 if none was. */
int os_last_error(void);

extern const struct lock_row os_metadata_locks, os_own_locks;
void os_fork_child(void);

#endif
