/*
 * layout.h: where the core's structures lie, as data for a program that reads this process's memory from outside (tools/input/present.c). Each file
 * describes its own structures; alloc/usage.c puts the descriptions together, and the statistics block has a copy. The core itself never reads them, and no
 * address is followed in this process. A change here changes the statistics block: its version number grows.
 */
#ifndef HAKMEM_LAYOUT_H
#define HAKMEM_LAYOUT_H

#include <stddef.h>
#include <stdint.h>

/* An unsigned number or an address within a structure. */
struct layout_member {
  uint32_t offset, size;
};
#define LAYOUT_MEMBER(type, member) \
  { offsetof(type, member), sizeof(((type *)NULL)->member) }

/* A number with an address of its own. */
struct layout_number {
  const void *at;
  uint64_t size;
};
#define LAYOUT_NUMBER(variable) \
  { &(variable), sizeof(variable) }

/*
 * Added to every time in ms (os_now_ms), so that none in the core's tables looks like a pointer to a block. memcheck's leak check reads them. The lower half
 * of a time is as the clock says.
 */
#define LAYOUT_MS_FIRST (UINT64_C(1) << 62)

/* struct slab_list and struct slab. */
struct layout_slabs {
  struct layout_member list_head, list_slabs, list_capacity, list_used, list_bytes;
  uint32_t slab_size, unused;
  struct layout_member next, home, size, requested, cls, units, capacity, carved, free_count, taken_ms;
};

/* The shared pool: one structure a class, with a slab list in it. */
struct layout_pool {
  const void *classes;
  uint32_t step, list; /* bytes from one to the next; where its list is */
  struct layout_member batched;
};

/* Legacy slabs, by class, and huge blocks. */
struct layout_legacy {
  const void *lists;
  uint64_t step;
  struct layout_number kept_bytes, huge_blocks, huge_requested, huge_bytes;
};

/* The list of SuperSlabs, and their descriptors: a head, and then a slab for each unit. */
struct layout_units {
  struct layout_number first, active, free_units, dirty_units, gone_units;
  uint64_t head_size;
  struct layout_member next, base, units, free_mask, gone_mask;
};

/* Threads' lists of free blocks: budgets and states are arrays with an element for each class. */
struct layout_lists {
  struct layout_number first;
  uint64_t size;
  struct layout_member next, alloc, free, alloc_armed, free_armed, length, spare_count; /* from `alloc` on, of class 0 */
  struct layout_member owned, tid, seen_ms;
  uint32_t budget_step, state_step;
  int64_t claimed; /* a budget of this value or less is no count: half of what stands there while the lists are collected */
};

/* The directory: leaf i lies root[roots[i]] bytes behind the zero leaf. */
struct layout_directory {
  struct layout_number leaves;
  const void *roots /* uint16_t */, *root /* int64_t */, *zero_leaf;
  uint64_t leaf_size, root_length;
};

/* Bytes that belong to no class. */
struct layout_bytes {
  struct layout_number mapped, metadata, records, guarded;
};

struct layout {
  struct layout_slabs slabs;
  struct layout_pool pool;
  struct layout_legacy legacy;
  struct layout_units units;
  struct layout_lists lists;
  struct layout_number retired; /* by class: blocks that wait while a checker watches; they count as those of lists */
  struct layout_directory directory;
  struct layout_bytes bytes;
};

#endif
