/*
 * directory.h: address -> slab, the SuperSlab lookup.
 *
 *   address   | 63 .. 48 | 47 ........ 32 | 31 ........ 16 | 15 ........ 0 |
 *                          root index       unit in leaf     in the unit
 *
 *   directory: | root: for every 4 GiB, where its leaf lies | zero leaf, 64 KiB of code 0 |
 *   leaf:      | code of each unit, 1 byte                  | the former class row, 1 byte  | slab, 8 bytes |
 *
 * root[i] is the distance from the zero leaf to the leaf, so its initial 0 leads to the zero leaf. A
 * look-up is two dependent loads and no test. Codes:
 *
 *   0            not ours
 *   cls + 1      the first unit of a slab of class cls: the fast path knows where its blocks begin, and frees here
 *   negative     ours, but for the slow path: CODE_LARGE, CODE_HUGE, and from CODE_FURTHER down, the second and further units of slabs. Each of these
 *                units of a class has its own code, so that a free knows without the slab where blocks begin
 *
 * A block of a class is looked up by the address of its header, p - 1: all bytes of a slab can be read, for any `p`. The byte
 * before a mapping's first address may be unmapped.
 *
 * There are two directories of this shape: the real one, and a blind one in which every look-up finds 0. A thread that
 * holds the blind one enters the slow path with every free.
 */
#ifndef HAKMEM_DIRECTORY_H
#define HAKMEM_DIRECTORY_H

#include "platform/base.h"
#include "memory/layout.h"
#include "platform/lock.h"
#include "superslab.h"

#define LEAF_UNITS 65536
#define ROOT_LENGTH 65536

struct directory {
  intptr_t root[ROOT_LENGTH]; /* atomic */
  int8_t zero_leaf[LEAF_UNITS];
} __attribute__((aligned(64)));

struct directory_leaf {
  int8_t code[LEAF_UNITS];       /* atomic */
  uint8_t former[LEAF_UNITS];    /* atomic; 1 + the class row of the slab or block that was last removed here, 0 if there was none */
  struct slab *slab[LEAF_UNITS]; /* atomic; valid if the code is not 0 */
};

#define CODE_LARGE ((int8_t)-1)
#define CODE_HUGE ((int8_t)-2)
#define CODE_FURTHER ((int8_t)-3) /* the first of FURTHER_MAX: they go down from here */
#define FURTHER_MAX 96
static_assert(CODE_FURTHER - (FURTHER_MAX - 1) >= INT8_MIN, "the codes of further units fit");

extern struct directory directory, directory_blind;

/*
 * The code of the unit that `p`, any bits at all, points into. Wait-free; reads no memory but the directory's. Relaxed loads are enough: the second
 * address depends on the first, so a leaf is seen as it was mapped (all 0) or later. A decision by the code alone needs no other word. To go on to the
 * slab, call directory_slab.
 */
ALWAYS_INLINE int8_t directory_code(const struct directory *d, const void *p) {
  const uintptr_t address = (uintptr_t)p;
  uintptr_t leaf = (uintptr_t)d;
  static_assert(UNIT_SHIFT == 16, "the root index begins at bit 32");
  const intptr_t *distance = &d->root[(uint16_t)(address >> 32)];
#if defined(__x86_64__)
  __asm__("addq %1, %0" : "+r"(leaf) : "m"(*distance) : "cc"); /* an atomic load and the sum in one: no compiler joins them */
#else
  leaf += (uintptr_t)__atomic_load_n(distance, __ATOMIC_RELAXED);
  __asm__("" : "+r"(leaf)); /* keeps the compiler from splitting the address below into more sums */
#endif
  const int8_t *codes = (const int8_t *)(leaf + offsetof(struct directory, zero_leaf));
  return __atomic_load_n(&codes[(uint32_t)address >> UNIT_SHIFT], __ATOMIC_RELAXED);
}

/* The slab that `p` points into, NULL if it is not ours. Wait-free. */
struct slab *directory_slab(const void *p);

/*
 * The class of the block that begins at `p`, any bits at all; CLASS_NONE if no block of a class does. If one does, the byte before `p` is its header,
 * and can be read. Otherwise that byte may be unmapped. Wait-free.
 */
uint32_t directory_class_at(const void *p);

/* The second and further units of long slabs, class by class; entry n is that of code CODE_FURTHER - n. Written before the first such code. */
extern struct directory_further {
  struct class_start start;
  uint32_t cls;
} directory_further[FURTHER_MAX];

/* directory_class_at for a `p` at the start of a unit: the header lies in the unit before. */
NOINLINE uint32_t directory_class_at_border(const void *p);

/* directory_class_at for a caller who has the code of `p` - 1 already. */
ALWAYS_INLINE uint32_t directory_class_by(int8_t code, const void *p) {
  if (UNLIKELY(((uintptr_t)p - 1) >> 48 != 0)) return CLASS_NONE;
  if (UNLIKELY((uintptr_t)p % UNIT_SIZE == 0)) return directory_class_at_border(p);
  if (code > 0) return class_starts_at(&class_start[code - 1], p) ? (uint32_t)code - 1 : CLASS_NONE;
  if (code > CODE_FURTHER) return CLASS_NONE;
  const struct directory_further *unit = &directory_further[CODE_FURTHER - code];
  return class_starts_at(&unit->start, p) ? unit->cls : CLASS_NONE;
}

/* Whether only the slow path can tell if a block begins at `p`: in a further unit, or between two units. `code` is that of `p` - 1. */
ALWAYS_INLINE bool directory_is_further(int8_t code, const void *p) { return code <= CODE_FURTHER || (code > 0 && (uintptr_t)p % UNIT_SIZE == 0); }

/* Whether a block of class `cls` begins at `p`, any bits at all. For loops over many blocks, whose class is known. */
ALWAYS_INLINE bool directory_begins(uint32_t cls, const void *p) {
  const uintptr_t header = (uintptr_t)p - 1;
  if (LIKELY(header >> 32 < ROOT_LENGTH && directory_code(&directory, (const void *)header) == (int8_t)(cls + 1) && class_starts_at(&class_start[cls], p)))
    return true;
  return directory_class_at(p) == cls; /* in a further unit of its slab, or at the border of two units */
}

/*
 * For reports of wrong pointers. Both are wait-free.
 *
 * directory_large: the large or huge block that `p` points into, NULL if there is none. It may read many units.
 * directory_former: the class row of the slab or block that was last removed from this unit; CLASS_NONE if there was none. Of a large or huge block, only
 * the first unit remembers it.
 */
struct slab *directory_large(const void *p);
uint32_t directory_former(const void *p);

/*
 * Makes sure that every address in [base, base + size) has a leaf. False if memory runs out.
 * No lock may be held.
 */
bool directory_prepare(const void *base, size_t size);

/* directory_enter enters the slab at each of its units (large and huge: the first only), with no lock held. directory_leave removes it. */
void directory_enter(struct slab *slab);
void directory_leave(const struct slab *slab);

/* Whether the directory leads to the slab from all units at which it is entered. */
bool directory_has(const struct slab *slab);

/* ---- The strategies to compare with: they find SuperSlabs only. ---- */

/* Tells the strategies that a SuperSlab was mapped, or will be unmapped. */
void directory_superslab_came(struct superslab *ss);
void directory_superslab_went(struct superslab *ss);

/*
 * Finds the slab of `p` by `strategy` (enum lookup_strategy); *probes: how many places it read. The hash and the linear walk do not know legacy slabs
 * and huge blocks: these are found in the directory, with one more probe.
 */
struct slab *directory_lookup(const void *p, uint32_t strategy, uint32_t *probes);

/* Calls `visit` for each slab, and each large and huge block, in order of address. Other threads may add and remove some meanwhile. */
void directory_each(void (*visit)(struct slab *slab, void *context), void *context);

/* Bytes of the leaves; how many of these bytes are not resident (asks the kernel). Signal safe. */
size_t directory_bytes(void);
extern const struct layout_directory directory_layout;
size_t directory_untouched(void);

/* For tests: no lock is held, and no other thread changes anything. */
bool directory_is_valid(void);

extern const struct lock_row directory_locks;

#endif
