#include "directory.h"

#include "platform/config.h"
#include "events.h"
#include "memory/os.h"

struct directory directory BULK, directory_blind BULK;

/* Taken by writers only: of leaves, the entries of further units, the hash and the array of SuperSlabs. Look-ups take no lock. */
static struct lock lock;
static size_t leaf_count; /* atomic; the roots of the leaves, in the order in which they were mapped: */
static uint16_t leaf_roots[ROOT_LENGTH] BULK;

const struct layout_directory directory_layout = {.leaves = LAYOUT_NUMBER(leaf_count),
                                                  .roots = leaf_roots,
                                                  .root = directory.root,
                                                  .zero_leaf = &directory.zero_leaf,
                                                  .leaf_size = sizeof(struct directory_leaf),
                                                  .root_length = ROOT_LENGTH};

size_t directory_bytes(void) { return __atomic_load_n(&leaf_count, __ATOMIC_RELAXED) * sizeof(struct directory_leaf); }

/*
 * The leaf at `distance` from the zero leaf. The asm hides from the compiler that the sum begins in `directory`: by its rules,
 * the sum could not lie outside of that object.
 */
static struct directory_leaf *leaf_at(intptr_t distance) {
  uintptr_t start = (uintptr_t)directory.zero_leaf;
  __asm__("" : "+r"(start));
  return (struct directory_leaf *)(start + (uintptr_t)distance);
}

size_t directory_untouched(void) {
  const size_t leaf_size = align_up(sizeof(struct directory_leaf), os_page_size());
  size_t untouched = 0;
  const size_t count = __atomic_load_n(&leaf_count, __ATOMIC_ACQUIRE);
  for (size_t i = 0; i < count; i++) untouched += leaf_size - os_resident(leaf_at(directory.root[leaf_roots[i]]), leaf_size);
  return untouched;
}

static intptr_t *root_of(const void *p) { return &directory.root[(uint16_t)((uintptr_t)p >> UNIT_SHIFT >> 16)]; }

/* The leaf of `p`, NULL if there is none yet. */
static struct directory_leaf *leaf_of(const void *p) {
  const intptr_t distance = __atomic_load_n(root_of(p), __ATOMIC_ACQUIRE);
  return distance == 0 ? NULL : leaf_at(distance);
}

static uint16_t unit_of(const void *p) { return (uint16_t)((uintptr_t)p >> UNIT_SHIFT); }

/*
 * directory_enter writes the slab first and its code last (release); here, the code is read first (acquire). So a thread that sees a code other than 0
 * also sees its slab or a later one of the unit, and the descriptor as it was entered. That holds even on processors that reorder loads and stores
 * (tests/models/directory.pml). Without the acquire, a thread that never synchronised with the entering one could read the new code and the old slab.
 * That happens if it guessed the pointer, or got it by a race.
 */
struct slab *directory_slab(const void *p) {
  struct directory_leaf *leaf = leaf_of(p);
  if (leaf == NULL || __atomic_load_n(&leaf->code[unit_of(p)], __ATOMIC_ACQUIRE) == 0) return NULL;
  /* The root index has 16 bits: an address with higher ones is not ours. */
  if ((uintptr_t)p >> 48 != 0) return NULL;
  return __atomic_load_n(&leaf->slab[unit_of(p)], __ATOMIC_RELAXED);
}

static bool add_leaf(const void *p) {
  struct directory_leaf *leaf = os_map_table(sizeof(*leaf));
  if (leaf == NULL) return false;
  lock_take(&lock);
  const bool needed = leaf_of(p) == NULL;
  if (needed) {
    __atomic_store_n(root_of(p), (intptr_t)((uintptr_t)leaf - (uintptr_t)directory.zero_leaf), __ATOMIC_RELEASE);
    leaf_roots[leaf_count] = (uint16_t)(root_of(p) - directory.root);
    __atomic_fetch_add(&leaf_count, 1, __ATOMIC_RELEASE);
  }
  lock_release(&lock);
  if (!needed) os_unmap_table(leaf, sizeof(*leaf));
  return true;
}

bool directory_prepare(const void *base, size_t size) {
  const uintptr_t leaf_span = (uintptr_t)LEAF_UNITS * UNIT_SIZE;
  const uintptr_t last = (uintptr_t)base + size - 1;
  for (uintptr_t at = (uintptr_t)base; at <= last; at = align_down(at, leaf_span) + leaf_span) {
    if (leaf_of((void *)at) == NULL && !add_leaf((void *)at)) return false;
  }
  return true;
}

/* ---- Further units. ---- */

struct directory_further directory_further[FURTHER_MAX];
static int8_t further_code[CLASS_COUNT]; /* of the second unit; 0 until there is such a slab. Atomic, written after the entries */

/*
 * Where blocks begin in unit `u` of a slab of the class: see class_starts_at. Here, the last block is moved to 2^32 - 1. A block at the unit's start is left
 * out: its header lies in the unit before.
 */
static struct class_start further_start(uint32_t cls, uint32_t u, uint32_t units) {
  const uint32_t stride = class_stride(cls), factor = class_start[cls].factor;
  const uint32_t before = (u * (uint32_t)UNIT_SIZE - class_first(cls)) % stride; /* bytes of the block that reaches into this unit */
  const uint32_t first = stride - before, end = (uint32_t)UNIT_SIZE;
  const uint32_t last = u + 1 < units ? (end - 1 - first) / stride : (end - first) / stride - 1;
  return (struct class_start){factor, 0u - 1u - last * (factor * stride) - first * factor};
}

/* The code of the class's second unit. */
static int8_t second_code(uint32_t cls) {
  const int8_t known = __atomic_load_n(&further_code[cls], __ATOMIC_ACQUIRE); /* with the code, the thread sees its entries, and may pass both on */
  if (known != 0) return known;
  uint32_t n = 0;
  for (uint32_t c = 0; c < cls; c++) n += class_slab_units(c) - 1;
  const uint32_t units = class_slab_units(cls);
  const int8_t code = (int8_t)(CODE_FURTHER - (int)n);
  lock_take(&lock);
  for (uint32_t u = 1; u < units && further_code[cls] == 0; u++) {
    directory_further[n + u - 1] = (struct directory_further){further_start(cls, u, units), cls};
  }
  __atomic_store_n(&further_code[cls], code, __ATOMIC_RELEASE);
  lock_release(&lock);
  return code;
}

/* The code of the slab's unit `u`. */
static int8_t code_of(const struct slab *slab, uint32_t u) {
  if (slab->cls >= CLASS_COUNT) return slab->cls == CLASS_LARGE ? CODE_LARGE : CODE_HUGE;
  return u == 0 ? (int8_t)(slab->cls + 1) : (int8_t)(second_code(slab->cls) - (int8_t)(u - 1));
}

uint32_t directory_class_at_border(const void *p) {
  /* A small block here and its header lie in one slab. Otherwise the unit before belongs to a stranger, which another thread may take or release now. */
  const struct slab *slab = directory_slab(header_place(p));
  return slab != NULL && slab == directory_slab(p) && slab->cls < CLASS_COUNT && slab_block_of(slab, p) == p ? slab->cls : CLASS_NONE;
}

uint32_t directory_class_at(const void *p) { return directory_class_by(directory_code(&directory, header_place(p)), p); }

static uint32_t units_entered(const struct slab *slab) { return slab->cls < CLASS_COUNT ? slab->units : 1; }

void directory_enter(struct slab *slab) {
  for (uint32_t u = 0; u < units_entered(slab); u++) {
    const char *p = slab->base + u * UNIT_SIZE;
    struct directory_leaf *leaf = leaf_of(p);
    __atomic_store_n(&leaf->slab[unit_of(p)], slab, __ATOMIC_RELEASE); /* also behind the 0 of directory_leave, for the reader of a former code */
    __atomic_store_n(&leaf->code[unit_of(p)], code_of(slab, u), __ATOMIC_RELEASE);
  }
}

void directory_leave(const struct slab *slab) {
  for (uint32_t u = 0; u < units_entered(slab); u++) {
    const char *p = slab->base + u * UNIT_SIZE;
    struct directory_leaf *leaf = leaf_of(p);
    __atomic_store_n(&leaf->former[unit_of(p)], (uint8_t)(slab->cls + 1), __ATOMIC_RELAXED);
    __atomic_store_n(&leaf->code[unit_of(p)], 0, __ATOMIC_RELEASE);
  }
}

bool directory_has(const struct slab *slab) {
  for (uint32_t u = 0; u < units_entered(slab); u++) {
    if (directory_slab(slab->base + u * UNIT_SIZE) != slab) return false;
  }
  return true;
}

typedef uint64_t __attribute__((may_alias)) codes; /* several at once */
#define CODES sizeof(codes)

void directory_each(void (*visit)(struct slab *slab, void *context), void *context) {
  for (uintptr_t root = 0; root < ROOT_LENGTH; root++) {
    const intptr_t distance = __atomic_load_n(&directory.root[root], __ATOMIC_ACQUIRE);
    if (distance == 0) continue;
    const struct directory_leaf *leaf = leaf_at(distance);
    for (uintptr_t unit = 0; unit < LEAF_UNITS; unit++) {
      const codes *several = __builtin_assume_aligned(&leaf->code[unit - unit % CODES], CODES);
      if (unit % CODES == 0 && __atomic_load_n(several, __ATOMIC_RELAXED) == 0) unit += CODES - 1; /* skips empty units: most of a leaf */
      if (__atomic_load_n(&leaf->code[unit], __ATOMIC_ACQUIRE) == 0) continue;
      struct slab *slab = __atomic_load_n(&leaf->slab[unit], __ATOMIC_RELAXED);
      if ((uintptr_t)slab->base == (root << 16 | unit) << UNIT_SHIFT) visit(slab, context);
    }
  }
}

static bool leaf_is_valid(const struct directory_leaf *leaf, uintptr_t root) {
  for (uintptr_t unit = 0; unit < LEAF_UNITS; unit++) {
    if (leaf->code[unit] == 0) continue;
    const struct slab *slab = leaf->slab[unit];
    if (slab == NULL) return false;
    const uintptr_t offset = ((root << 16 | unit) << UNIT_SHIFT) - (uintptr_t)slab->base;
    if (offset / UNIT_SIZE >= units_entered(slab) || code_of(slab, (uint32_t)(offset / UNIT_SIZE)) != leaf->code[unit]) return false;
  }
  return true;
}

bool directory_is_valid(void) {
  for (size_t i = 0; i < leaf_count; i++) {
    if (!leaf_is_valid(leaf_at(directory.root[leaf_roots[i]]), leaf_roots[i])) return false;
  }
  for (size_t unit = 0; unit < LEAF_UNITS; unit++) {
    if (directory.zero_leaf[unit] != 0 || directory_blind.zero_leaf[unit] != 0) return false;
  }
  return true;
}

uint32_t directory_former(const void *p) {
  static_assert(CLASS_ROWS < UINT8_MAX, "a class row fits");
  struct directory_leaf *leaf = (uintptr_t)p >> 48 == 0 ? leaf_of(p) : NULL;
  const uint8_t former = leaf != NULL ? __atomic_load_n(&leaf->former[unit_of(p)], __ATOMIC_RELAXED) : 0;
  return former != 0 ? former - 1u : CLASS_NONE;
}

struct slab *directory_large(const void *p) {
  uintptr_t at = align_down((uintptr_t)p, UNIT_SIZE);
  if ((uintptr_t)p >> 48 != 0) return NULL;
  for (uint32_t n = 0; n < LEAF_UNITS && at != 0; n++, at -= UNIT_SIZE) {
    const int8_t code = directory_code(&directory, (const void *)at);
    if (code == 0) continue;
    struct slab *slab = directory_slab((const void *)at);
    return (code == CODE_LARGE || code == CODE_HUGE) && slab != NULL && (uintptr_t)p - (uintptr_t)slab->base < slab->size ? slab : NULL;
  }
  return NULL;
}

/*
 * ---- Hash and linear walk. ----
 *
 * Both hold SuperSlabs, and are filled only if HAKMEM_LOOKUP asks for them. Readers take no lock: a writer changes one word at
 * a time. If a reader misses a SuperSlab because it is being moved, the directory finds it.
 *
 * The hash is a table with linear probing and no tombstones. When a SuperSlab is removed, those behind it move up (Knuth, The Art of Computer
 * Programming, volume 3, section 6.4, algorithm R). So searches do not become slower in a process that runs for long.
 */

#define INDEX_MAX (1u << 16) /* SuperSlabs that the strategies can hold; further ones are found in the directory */
#define HASH_LENGTH (2 * INDEX_MAX)

static struct superslab **array, **hash; /* atomic, and so are their entries; NULL until the first SuperSlab is added */
static uint32_t array_length;            /* atomic */

/* Maps both tables. False: the strategies find nothing, and the directory finds everything. */
static bool make_index(void) {
  if (__atomic_load_n(&array, __ATOMIC_ACQUIRE) != NULL) return true;
  const size_t size = (INDEX_MAX + HASH_LENGTH) * sizeof(*array);
  struct superslab **const fresh = os_map_table(size);
  if (fresh == NULL) return false;
  lock_take(&lock);
  const bool needed = array == NULL;
  if (needed) {
    __atomic_store_n(&hash, fresh + INDEX_MAX, __ATOMIC_RELEASE);
    __atomic_store_n(&array, fresh, __ATOMIC_RELEASE);
  }
  lock_release(&lock);
  if (!needed) os_unmap_table(fresh, size);
  return true;
}

static uint32_t hash_start(const void *p) {
  const uint64_t key = (uintptr_t)p / config_superslab_size();
  return (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 47) & (HASH_LENGTH - 1); /* Knuth's multiplicative hash */
}

static uint32_t hash_next(uint32_t i) { return (i + 1) & (HASH_LENGTH - 1); }

/* Empties hash[hole]. Moves up the entries that a search would no longer find behind an empty place. */
static void hash_close(uint32_t hole) {
  for (uint32_t i = hash_next(hole); hash[i] != NULL; i = hash_next(i)) {
    const uint32_t distance = (i - hash_start(hash[i]->base)) & (HASH_LENGTH - 1);
    if (distance < ((i - hole) & (HASH_LENGTH - 1))) continue; /* its search begins behind the hole */
    __atomic_store_n(&hash[hole], hash[i], __ATOMIC_RELEASE);
    hole = i;
  }
  __atomic_store_n(&hash[hole], NULL, __ATOMIC_RELEASE);
}

static bool holds(const struct superslab *ss, const void *p) { return (uintptr_t)p - (uintptr_t)ss->base < ss->size; }

void directory_superslab_came(struct superslab *ss) {
  if (config.lookup == STRATEGY_DIRECTORY || !make_index()) return;
  lock_take(&lock);
  if (array_length < INDEX_MAX) {
    __atomic_store_n(&array[array_length], ss, __ATOMIC_RELEASE);
    __atomic_store_n(&array_length, array_length + 1, __ATOMIC_RELEASE);
    uint32_t i = hash_start(ss->base);
    while (hash[i] != NULL) i = hash_next(i);
    __atomic_store_n(&hash[i], ss, __ATOMIC_RELEASE);
  }
  lock_release(&lock);
}

void directory_superslab_went(struct superslab *ss) {
  if (config.lookup == STRATEGY_DIRECTORY || __atomic_load_n(&array, __ATOMIC_ACQUIRE) == NULL) return;
  lock_take(&lock);
  for (uint32_t i = 0; i < array_length; i++) {
    if (array[i] != ss) continue;
    __atomic_store_n(&array[i], array[array_length - 1], __ATOMIC_RELEASE);
    __atomic_store_n(&array_length, array_length - 1, __ATOMIC_RELEASE);
    break;
  }
  uint32_t i = hash_start(ss->base);
  while (hash[i] != NULL && hash[i] != ss) i = hash_next(i);
  if (hash[i] != NULL) hash_close(i);
  lock_release(&lock);
}

static struct superslab *find_by_hash(const void *p, uint32_t *probes) {
  struct superslab **const table = __atomic_load_n(&hash, __ATOMIC_ACQUIRE);
  uint32_t i = hash_start(p);
  for (uint32_t n = 0; table != NULL && n < HASH_LENGTH; n++, i = hash_next(i)) {
    struct superslab *ss = __atomic_load_n(&table[i], __ATOMIC_ACQUIRE);
    ++*probes;
    if (ss == NULL) return NULL;
    if (holds(ss, p)) return ss;
  }
  return NULL;
}

static struct superslab *find_by_walk(const void *p, uint32_t *probes) {
  const uint32_t length = __atomic_load_n(&array_length, __ATOMIC_ACQUIRE);
  for (uint32_t i = 0; i < length; i++) {
    struct superslab *ss = __atomic_load_n(&__atomic_load_n(&array, __ATOMIC_RELAXED)[i], __ATOMIC_ACQUIRE);
    ++*probes;
    if (holds(ss, p)) return ss;
  }
  return NULL;
}

struct slab *directory_lookup(const void *p, uint32_t strategy, uint32_t *probes) {
  struct superslab *ss = NULL;
  *probes = 0;
  if (strategy == STRATEGY_HASH) ss = find_by_hash(p, probes);
  if (strategy == STRATEGY_LINEAR) ss = find_by_walk(p, probes);
  if (ss != NULL) {
    uint32_t unit = (uint32_t)((size_t)((const char *)p - ss->base) / UNIT_SIZE);
    if (unit >= ss->units) unit = 0;                         /* the SuperSlab was released meanwhile */
    while (unit > 0 && ss->slabs[unit].home == NULL) unit--; /* back to the slab's first unit */
    struct slab *slab = &ss->slabs[unit];
    if (slab->home == ss && (size_t)((const char *)p - slab->base) < slab->size) return slab;
  }
  ++*probes;
  return directory_slab(p);
}

const struct lock_row directory_locks = LOCK_ROW(lock);
