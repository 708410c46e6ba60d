/*
 * hakmem.h: the public interface. Two libraries have it:
 *
 *   libhakmem.so      also replaces malloc in the whole program. There, a block of hak_malloc may be freed with
 *                     free(), and a block of malloc() with hak_free
 *   libhakmem-api.a   these names only: malloc stays the C library's, and the two must not be mixed
 *
 * Any thread may call any function. A signal handler may call only hak_stats_dump and hak_version.
 * On success, errno is unchanged; hak_free never changes it.
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

/* The version of the loaded library, "MAJOR.MINOR.PATCH". The text is static; do not free it. */
const char *hak_version(void);

/*
 * Blocks. Sizes are in bytes, from 0 to PTRDIFF_MAX; size 0 returns a block of its own. Blocks are aligned to 16 bytes, or
 * to `alignment`, a power of two. On failure, the functions return NULL and set errno: ENOMEM if memory runs out or a size is above
 * PTRDIFF_MAX, EINVAL if the alignment is not a power of two. Free a block with hak_free.
 */
void *hak_malloc(size_t size);
void *hak_calloc(size_t count, size_t size);                    /* zeroed; ENOMEM if count * size overflows */
void *hak_realloc(void *block, size_t size);                    /* on failure, `block` is unchanged. hak_realloc(p, 0) frees p and returns NULL, as in glibc */
void *hak_reallocarray(void *block, size_t count, size_t size); /* hak_realloc to count * size bytes; ENOMEM if that overflows */
void *hak_aligned_alloc(size_t alignment, size_t size);
void *hak_memalign(size_t alignment, size_t size);                       /* rounds the alignment up to a power of two, as glibc does */
int hak_posix_memalign(void **out, size_t alignment, size_t size);       /* returns 0, EINVAL or ENOMEM; `alignment` is also a multiple of sizeof(void *) */
void hak_free(void *block);                                              /* NULL is allowed */
void hak_free_sized(void *block, size_t size);                           /* C23; reports a wrong size, and frees the block all the same */
void hak_free_aligned_sized(void *block, size_t alignment, size_t size); /* the same for a block of hak_aligned_alloc */

/* Bytes that may be used at `block`: at least as many as were asked for; 0 for NULL. */
size_t hak_usable_size(const void *block);

/*
 * Returns free memory to the kernel: the calling thread's lists, those of threads that rest or have ended, the shared pool's batches, empty slabs
 * and SuperSlabs, and kept huge blocks. Up to `keep` bytes of empty SuperSlabs stay mapped. The lists of running threads stay
 * untouched. Returns 1 if any memory was returned, else 0. Takes locks and makes system calls.
 */
int hak_trim(size_t keep);

/* Totals of the process; bytes, blocks, or operations. */
struct hak_stats {
  uint64_t allocs, frees;                                              /* operations */
  uint64_t live;                                                       /* blocks */
  uint64_t requested;                                                  /* bytes asked for by the live blocks; estimated from sampled requests */
  uint64_t allocated;                                                  /* bytes of the live blocks' strides */
  uint64_t active;                                                     /* bytes of slabs in use */
  uint64_t committed;                                                  /* bytes that may be resident */
  uint64_t mapped;                                                     /* bytes of address space */
  uint64_t superslabs;                                                 /* SuperSlabs now */
  uint64_t shared_fails, legacy_calls, header_resets, refills, drains; /* events so far */
};

/*
 * Fills the first `size` bytes of *out, so that a program that was built with an older, shorter structure keeps working.
 * Counts of operations are exact for threads at rest; of running threads, the last few may be missing.
 * Returns 0, or ENOTSUP if the library was built without HAKMEM_EVENTS.
 */
int hak_stats_read(struct hak_stats *out, size_t size);

/* Writes the statistics, as with HAKMEM_STATS=1, to `fd`. Signal safe. Returns 0, ENOTSUP (see above), or the errno of write. */
int hak_stats_dump(int fd);

/*
 * Changes an option while the program runs, as `hakmem set` does from outside. `name` is PROFILE, GUARD, TRACE, LOG, STATS_INTERVAL or SOFT_LIMIT, with or
 * without HAKMEM_ before it; `value` is written as in the environment: hak_set("PROFILE", "512K"). Other threads follow with their next slow paths. Blocks from
 * before PROFILE or GUARD was switched on stay unknown to them; recorded and guarded blocks may be freed after it was switched off.
 * Returns 0, or
 *   EINVAL    there is no option with this name, or the value is not allowed
 *   EPERM     the option is read at the start only; or Valgrind or AddressSanitizer watches, and GUARD must stay 0
 *   ENODEV    TRACE=full, but libhakmem-tracepoints.so is not loaded
 *   ENOMEM    there is no address space for guarded blocks
 *   EBUSY     another thread was changing settings for 100 ms
 *   ENOTSUP   the library was built without HAKMEM_EVENTS
 * Takes locks and makes system calls.
 */
int hak_set(const char *name, const char *value);

/*
 * Takes a snapshot now: brings the figures of memory, the timeline and the profile up to date, and writes HAKMEM_STATS_FILE, if it is set. It reads the
 * headers of all blocks, which takes about a second for 100 million. Returns 0, or ENOTSUP as above.
 */
int hak_snapshot(void);

/*
 * Takes a snapshot, and writes it with the live heap by call site to the new file `path`, which only this user may read. `hakmem report PATH` shows it;
 * `hakmem report --since A B` shows what grew between two of them. After PROFILE was switched off, it is the last profile that was taken.
 * Returns 0, ENODATA if PROFILE was never on, ENOTSUP as above, or the errno of open or write: EEXIST if there is a file already.
 */
int hak_profile_dump(const char *path);

#ifdef __cplusplus
}
#endif

#endif
