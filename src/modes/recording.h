/*
 * recording.h: decides which blocks have a record, and keeps it true when they are allocated, resized and freed. Called by the slow paths,
 * with no lock held.
 *
 *   a small block with a record has the header `sampled`, so that its free takes the slow path
 */
#ifndef HAKMEM_RECORDING_H
#define HAKMEM_RECORDING_H

#include "platform/base.h"

/*
 * A block of class row `cls` is handed out for `size` bytes; the header of a small one says live. `sampled`: if the block is a sample, the bytes that
 * determined its chance (profile.h), else 0. `frame`: where its stack begins, see hub_block_stack.
 */
void recording_alloc(void *block, uint32_t cls, size_t size, size_t sampled, const void *frame);

/* A live block of class row `cls` is freed. */
void recording_free(void *block, uint32_t cls);

/* A block whose header says sampled is freed. False if it has no record, or if recording_free must do the work. */
bool recording_free_sample(const void *block);

/* A live block has `size` bytes now, and lies at `block`. It is of class row `cls` before and after. */
void recording_resize(const void *old, void *block, uint32_t cls, size_t size);

#endif
