/*
 * structures.h: the allocator's structures in the memory of another process, and what they add up to. The process runs meanwhile, or was stopped in the
 * middle of a change. So each address may lead nowhere, each count may be any number, and each list may be a circle. Therefore every loop has a bound, every
 * difference stops at 0, and memory that cannot be read is an error. Functions return 0 or an errno.
 */
#ifndef HAKMEM_TOOLS_STRUCTURES_H
#define HAKMEM_TOOLS_STRUCTURES_H

#include "process.h"

#define SUPERSLABS_MAX (1u << 20)
#define UNITS_MAX 64u

/* What the structures say, added up. */
struct sums {
  uint64_t listed[CLASS_COUNT];
  struct operations {
    uint64_t allocs, frees;
  } unpublished[CLASS_COUNT];
  uint64_t tails, between, legacy_bytes;
  uint64_t large_blocks, large_requested, large_bytes;
  uint64_t in_superslabs, directory_untouched; /* bytes with memory behind them; without */
  struct stats_pins pins[CLASS_COUNT];
  uint32_t utilisation[CLASS_COUNT][STATS_UTILISATION_BINS];
};

struct reader {
  struct process process;
  struct stats_block *block; /* which is being filled */
  const struct layout *layout;
  uint64_t now_ms;
  uint64_t legacy_seen;  /* slabs in lists of legacy, of all classes: lists that are circles must not add up */
  struct stats_map *map; /* of now */
  struct sums sums;
};

static inline uint64_t above(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }
static inline uint64_t address_of(const void *at) { return (uint64_t)(uintptr_t)at; }

uint64_t number_in(const char *bytes, uint64_t size);

/* A member of the structure at `bytes`, of which there are `size`; 0 if it is not in there. */
uint64_t member_of(const char *bytes, size_t size, struct layout_member m, uint64_t offset);

int number_at(const struct reader *r, struct layout_number n, uint64_t *number);

/* Reads a structure of `size` bytes, or several; the caller frees it. */
int structure_at(const struct reader *r, uint64_t address, uint64_t size, uint64_t count, char **bytes);

/* A slab of small blocks: how full it is. */
void structures_add_slab(struct reader *r, const char *slab);

/* Each reads its structures, adds to the sums, and fills in its part of the block. In this order. */
int structures_take_lists(struct reader *r);
int structures_take_classes(struct reader *r);
int structures_take_superslabs(struct reader *r);
int structures_take_heap(struct reader *r);

#endif
