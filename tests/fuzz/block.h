/*
 * block.h: statistics blocks from the bytes of an input: a sound block, and patches on it. So an input of a few bytes stands for a file of many
 * megabytes, and a mutation changes one value instead of one of its many zeros.
 *
 *   patch:  member 1   offset 2   length 1   bytes        offset from the member's beginning, or, if the length is odd, from its end;
 *                                                          bytes: length / 8 + 1
 */
#ifndef HAKMEM_FUZZ_BLOCK_H
#define HAKMEM_FUZZ_BLOCK_H

#include "input.h"

#include "statistics/stats_block.h"

/* The block of all patches of the input, at most `most`. It is the same memory with each call. */
struct stats_block *block_of(struct input *in, unsigned most);

/* The block as a file: "/proc/self/fd/N". Pages of zeros are holes, as in the library's files. */
const char *block_file(const struct stats_block *block);

#endif
