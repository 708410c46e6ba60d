/*
 * profile.h: which allocations HAKMEM_PROFILE samples. Each byte of each block has the same small chance, whatever came before it; a block is
 * recorded if one of its bytes is met. So large ones are met more often, and the estimates are right on average:
 *
 *   chance of a block of n bytes = 1 - exp(-n / BYTES)      with BYTES = 1: 1
 *   a recorded block stands for 1 / chance blocks
 *
 * n is the stride of a small block, the bytes asked for of a larger one.
 */
#ifndef HAKMEM_PROFILE_H
#define HAKMEM_PROFILE_H

#include "platform/base.h"
#include "platform/config.h"
#include "slabs/header.h"

/* Blocks of `bytes` bytes, at least 1, that are left out before the next one is recorded. */
uint32_t profile_gap(uint64_t *random, size_t bytes);

/* Whether this block of `bytes` bytes is to be recorded. */
bool profile_takes(uint64_t *random, size_t bytes);

/* How many blocks one stands for that was recorded with the chance of `bytes` bytes; 0 bytes: that was certain. */
double profile_weight(size_t bytes);

#endif
