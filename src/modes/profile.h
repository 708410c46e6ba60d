/*
 * profile.h: which allocations HAKMEM_PROFILE samples. Each byte of each block has the same small chance, independent of all others. A block is
 * recorded if one of its bytes is drawn. So large blocks are recorded more often, and the estimates are right on average:
 *
 *   chance of a block of n bytes = 1 - exp(-n / BYTES)      with BYTES = 1: 1
 *   a recorded block stands for 1 / chance blocks
 *
 * n is the stride of a small block, or the bytes asked for of a larger one.
 */
#ifndef HAKMEM_PROFILE_H
#define HAKMEM_PROFILE_H

#include "platform/base.h"
#include "platform/config.h"
#include "slabs/header.h"

/* How many blocks of `bytes` bytes (at least 1) to skip before the next one is recorded. */
uint32_t profile_gap(uint64_t *random, size_t bytes);

/* Whether to record this block of `bytes` bytes. */
bool profile_takes(uint64_t *random, size_t bytes);

/* How many blocks a recorded one stands for, if it had the chance of `bytes` bytes. 0 bytes: it was certain to be recorded. */
double profile_weight(size_t bytes);

#endif
