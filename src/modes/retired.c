#include "retired.h"

#include "memory/os.h"
#include "slabs/size_class.h"

#define BLOCKS 65536u
#define BYTES (16 * MIB)

/* A ring of addresses. The blocks are not linked, because a write after free would break the links. */
struct places {
  struct block *block[BLOCKS];
  uint8_t cls[BLOCKS];
};

static struct {
  struct lock lock;
  struct places *places; /* atomic; NULL until a block is put in */
  uint32_t oldest, count;
  uint32_t of_class[CLASS_COUNT]; /* atomic; changes under the lock */
  size_t bytes;
} ring;

static_assert(CLASS_COUNT <= UINT8_MAX, "a class fits into a byte");

static bool make_places(void) {
  if (__atomic_load_n(&ring.places, __ATOMIC_ACQUIRE) != NULL) return true;
  struct places *const fresh = os_map_table(sizeof(*fresh));
  if (fresh == NULL) return false;
  lock_take(&ring.lock);
  const bool needed = ring.places == NULL;
  if (needed) __atomic_store_n(&ring.places, fresh, __ATOMIC_RELEASE);
  lock_release(&ring.lock);
  if (!needed) os_unmap_table(fresh, sizeof(*fresh));
  return true;
}

static void put(uint32_t cls, struct block *block) {
  const uint32_t i = (ring.oldest + ring.count++) % BLOCKS;
  ring.places->block[i] = block;
  ring.places->cls[i] = (uint8_t)cls;
  ring.bytes += class_stride(cls);
  __atomic_fetch_add(&ring.of_class[cls], 1, __ATOMIC_RELAXED);
}

static struct block *take(uint32_t *cls) {
  struct block *block = ring.places->block[ring.oldest];
  *cls = ring.places->cls[ring.oldest];
  ring.oldest = (ring.oldest + 1) % BLOCKS;
  ring.count--;
  ring.bytes -= class_stride(*cls);
  __atomic_fetch_sub(&ring.of_class[*cls], 1, __ATOMIC_RELAXED);
  return block;
}

/* Takes the oldest block, as a chain of its own, if it is `wanted`. Called locked. */
static struct chain take_if(bool wanted, uint32_t *cls) {
  if (!wanted) return CHAIN_EMPTY;
  struct chain chain = CHAIN_EMPTY;
  chain_push(&chain, take(cls));
  return chain;
}

void retired_put(uint32_t cls, struct block *block, retired_give_back *give_back) {
  if (!make_places()) { /* no memory for the ring */
    struct chain chain = CHAIN_EMPTY;
    chain_push(&chain, block);
    give_back(cls, chain, false);
    return;
  }
  struct chain oldest;
  uint32_t its;
  bool entered = false;
  do {
    lock_take(&ring.lock);
    oldest = take_if(ring.count == BLOCKS || ring.bytes > BYTES, &its);
    if (!entered) put(cls, block);
    entered = true;
    lock_release(&ring.lock);
    if (oldest.count != 0) give_back(its, oldest, false);
  } while (oldest.count != 0);
}

void retired_empty(retired_give_back *give_back) {
  struct chain oldest;
  uint32_t cls;
  do {
    lock_take(&ring.lock);
    oldest = take_if(ring.count != 0, &cls);
    lock_release(&ring.lock);
    if (oldest.count != 0) give_back(cls, oldest, true);
  } while (oldest.count != 0);
}

uint32_t retired_count(uint32_t cls) { return __atomic_load_n(&ring.of_class[cls], __ATOMIC_RELAXED); }

const struct layout_number retired_layout = LAYOUT_NUMBER(ring.of_class);
const struct lock_row retired_locks = LOCK_ROW(ring.lock);
