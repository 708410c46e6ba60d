/*
 * hakmem.h: the public interface. Two libraries have it:
 *
 *   libhakmem.so      takes the place of malloc in the whole program as well; there a block from hak_malloc may go to
 *                     free(), and the other way round
 *   libhakmem-api.a   these names alone: malloc stays the C library's, and the two must not be mixed
 *
 * Every function is safe to call from any thread. Signal handlers: only hak_stats_dump and hak_version.
 * After a success errno is as it was before; hak_free never changes it.
 */
#ifndef HAKMEM_H
#define HAKMEM_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HAK_VERSION_MAJOR 0
#define HAK_VERSION_MINOR 2
#define HAK_VERSION_PATCH 0

/* "MAJOR.MINOR.PATCH" of the library that is loaded; static. */
const char *hak_version(void);

/*
 * Blocks. Sizes are bytes, 0 to PTRDIFF_MAX; size 0 gives a block of its own. Blocks are aligned to 16 bytes or
 * to `alignment`, a power of two. On failure: NULL, errno ENOMEM (no memory, or a size above
 * PTRDIFF_MAX) or EINVAL (the alignment is not a power of two). A block is given back with hak_free.
 */
void *hak_malloc(size_t size);
void *hak_calloc(size_t count, size_t size);              /* zeroed; ENOMEM where count * size overflows */
void *hak_realloc(void *block, size_t size);              /* realloc(p, 0) frees p and returns NULL, as glibc does */
void *hak_reallocarray(void *block, size_t count, size_t size);
void *hak_aligned_alloc(size_t alignment, size_t size);
void *hak_memalign(size_t alignment, size_t size);        /* rounds the alignment up to a power of two, as glibc does */
int hak_posix_memalign(void **out, size_t alignment, size_t size); /* returns 0, EINVAL, or ENOMEM, which errno then is, too */
void hak_free(void *block);                               /* NULL is allowed */
void hak_free_sized(void *block, size_t size);            /* C23; the size is not relied upon */
void hak_free_aligned_sized(void *block, size_t alignment, size_t size);

/* Bytes that may be used at `block` (0 for NULL), at least as many as were asked for. */
size_t hak_usable_size(const void *block);

/*
 * Gives all free memory back to the system: the calling thread's lists, the shared pool's batches, empty slabs and
 * SuperSlabs, kept huge blocks. `keep` bytes of empty SuperSlabs may stay. Returns 1 if memory went back, else 0.
 * Other threads' lists are theirs and stay. Takes locks and makes system calls.
 */
int hak_trim(size_t keep);

/* Totals of the process; bytes, blocks, or operations. */
struct hak_stats {
  uint64_t allocs, frees; /* operations */
  uint64_t live;          /* blocks */
  uint64_t requested;     /* bytes asked for by the live blocks; estimated from the sampled requests */
  uint64_t allocated;     /* bytes of the live blocks' strides */
  uint64_t active;        /* bytes of slabs in use */
  uint64_t committed;     /* bytes that memory may stand behind */
  uint64_t mapped;        /* bytes of address space */
  uint64_t superslabs;    /* SuperSlabs now */
  uint64_t shared_fails, legacy_calls, header_resets, refills, drains; /* events so far */
};

/*
 * Fills the first `size` bytes of *out (so that a program built against an older, shorter structure keeps working).
 * Operations are exact for threads at rest; of a thread that runs meanwhile the last few may be missing.
 * Returns 0, or ENOTSUP from a library built without HAKMEM_EVENTS.
 */
int hak_stats_read(struct hak_stats *out, size_t size);

/* Writes the text of HAKMEM_STATS=1 to `fd`. Signal safe. Returns 0, ENOTSUP, or the errno of write. */
int hak_stats_dump(int fd);

#ifdef __cplusplus
}
#endif

#endif
