/*
 * recording.h: of which blocks a record is kept, and that it stays true as they are allocated, resized and freed. Called by the slow paths,
 * with no lock held.
 *
 *   a small block with a record has the header `sampled`, so that its free takes the slow path
 */
#ifndef HAKMEM_RECORDING_H
#define HAKMEM_RECORDING_H

#include "platform/base.h"

/*
 * A block of class row `cls` is handed out for `size` bytes; a small one's header says live. `sampled`: it is a sample, met with the chance of so
 * many bytes (profile.h); 0: it is none. `frame`: where its stack begins, see hub_block_stack.
 */
void recording_alloc(void *block, uint32_t cls, size_t size, size_t sampled, const void *frame);

/* A live block is freed. */
void recording_free(void *block, uint32_t cls);

/* A block whose header says that it is a sample is freed. False if it has no record, or needs all that recording_free does. */
bool recording_free_sample(const void *block);

/* A live block, of class row `cls` before and after, has another size now, and lies at `block`. */
void recording_resize(const void *old, void *block, uint32_t cls, size_t size);

#endif
