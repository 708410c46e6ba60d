#include "probe.h"
#include "secure.h"

#include <string.h>
#include <sys/single_threaded.h>

#include "checks/misuse.h"
#include "platform/config.h"
#include "platform/random.h"
#include "slabs/directory.h"
#include "slabs/size_class.h"

#define FILLER_CHECKED ((size_t)64) /* bytes of the filler that are filled and checked: those nearest to the block */
#define BESIDE ((size_t)64)         /* bytes of a free block that are looked at when a neighbour is freed, and at an allocation after its free */
#define NEAR ((size_t)40)           /* left neighbours that end so near before the block, and right ones that begin so near behind its start, are looked at */
#define PLACES_MOST 64u             /* of a class in the quarantine */
#define PLACES_LEAST 4u
#define CLASS_BYTES (128 * KIB) /* that the quarantine of a class holds, unless PLACES_LEAST of its blocks are more */

static uint64_t secret[2];
static bool is_late;
static void *quarantine[CLASS_COUNT][PLACES_MOST]; /* atomic; NULL: the place is empty */

/*
 * While a thread looks at a block in the quarantine, the block's address is odd there. Then no other thread takes it out, so its memory stays mapped: a slab
 * with a block in the quarantine is not empty.
 */
static void *held(const void *block) { return (char *)(uintptr_t)block + 1; }
static bool is_held(const void *block) { return ((uintptr_t)block & 1) != 0; }

/* What the calling thread used last. */
static __thread struct {
  uint64_t random;
  void *taken; /* the block; NULL: none */
  uint32_t cls;
  void **place; /* of the block that it freed last, NULL: none */
  void *freed;
  uint32_t freed_cls;
} last __attribute__((tls_model("initial-exec")));

AT_START void secure_start(bool late) {
  is_late = late;
  random_secrets(secret, ARRAY_LENGTH(secret));
}

AT_START bool secure_wants_guard(size_t size) { return size == 0 || (size + SECURE_BORDER > SMALL_MAX && size <= MIB); }

/*
 * ---- The border: from its first byte on, 8 bits that are never all 0, as the end of a string is; 16 of the filler's length, 2 of the family, and 30 of
 * a code. The eighth byte is the neighbour's header. ----
 */

#define BORDER_BITS ((UINT64_C(1) << 56) - 1)
#define FACTS_SHIFT 8u
#define CODE_SHIFT 26u
#define FACTS_BITS (CODE_SHIFT - FACTS_SHIFT)

struct facts {
  size_t requested;
  enum block_family family;
};

static uint8_t filler(void) { return (uint8_t)(secret[1] | 1); }
static size_t most_of(uint32_t cls) { return modes_bordered(class_stride(cls)); }
static char *border_of(const void *block, uint32_t cls) { return (char *)(uintptr_t)block + most_of(cls); }

ALWAYS_INLINE uint64_t border_for(const void *block, uint64_t facts) {
  uint64_t code = ((uintptr_t)block ^ secret[0]) + facts * UINT64_C(0x9e3779b97f4a7c15);
  code = (code ^ code >> 32) * (secret[1] | 1);
  code = (code ^ code >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
  return (code >> 20 << CODE_SHIFT | facts << FACTS_SHIFT | (code & UINT8_MAX) | 1) & BORDER_BITS;
}

static uint64_t facts_of(const void *block, uint32_t cls, size_t requested, enum block_family family) {
  return (uint64_t)((size_t)(border_of(block, cls) - (const char *)block) - requested) | (uint64_t)family << 16;
}

/* Without the eighth byte, which another thread may write to. */
static void border_set(void *block, uint32_t cls, uint64_t border) {
  char *at = border_of(block, cls);
  memcpy(at, &border, 4);
  const uint32_t rest = (uint32_t)(border >> 32);
  memcpy(at + 4, &rest, 2);
  at[6] = (char)(rest >> 16);
}

static uint64_t border_get(const void *block, uint32_t cls) {
  uint64_t border;
  memcpy(&border, border_of(block, cls), sizeof(border));
  return border & BORDER_BITS;
}

/* False if the border is wrong. */
ALWAYS_INLINE bool read_facts(const void *block, uint32_t cls, struct facts *out) {
  const uint64_t border = border_get(block, cls), facts = border >> FACTS_SHIFT & ((1u << FACTS_BITS) - 1);
  const size_t most = (size_t)(border_of(block, cls) - (const char *)block), rest = facts & UINT16_MAX;
  if (border_for(block, facts) != border || rest > most) return false;
  *out = (struct facts){most - rest, (enum block_family)(facts >> 16)};
  return true;
}

static size_t filled(const void *block, uint32_t cls, size_t requested) {
  return min_size((size_t)(border_of(block, cls) - (const char *)block) - requested, FILLER_CHECKED);
}

static void write_border(void *block, uint32_t cls, size_t requested, enum block_family family) {
  memset((char *)block + requested, filler(), filled(block, cls, requested));
  border_set(block, cls, border_for(block, facts_of(block, cls, requested, family)));
}

static uint8_t header_now(const void *block) { return __atomic_load_n((const uint8_t *)block - 1, __ATOMIC_ACQUIRE); }

/* ---- Reports. ---- */

/* `size` of a block that is not known, because its border was overwritten, or it is free. Then the event has the slab instead. */
#define SIZE_UNKNOWN SIZE_MAX

static NOINLINE void tell(const void *block, uint32_t cls, size_t size, enum hdr_verdict verdict, size_t over, uint8_t got, uint8_t expect) {
  struct event_hdr_reset e = {.base = block, .verdict = verdict, .cls = cls, .size = size, .over = over, .got = got, .expect = expect};
  const struct slab *const slab = size == SIZE_UNKNOWN ? directory_slab(block) : NULL;
  if (size == SIZE_UNKNOWN) e.size = 0;
  if (slab != NULL) {
    e.slab = slab->base;
    e.offset = (uintptr_t)block - (uintptr_t)slab->base;
  }
  e.found = FOUND_BY_CHECK;
  misuse_known(&e, NULL);
}

/* Whether the border or the filler was written to. */
ALWAYS_INLINE bool is_damaged(const void *block, uint32_t cls, struct facts *facts) {
  if (UNLIKELY(!read_facts(block, cls, facts))) return !is_late;
  return !bytes_are((const uint8_t *)block + facts->requested, filled(block, cls, facts->requested), filler());
}

/*
 * The facts of a border of which a write from the left has reached the first bytes only. The others are the end of the code, which one size and family in a
 * billion shares by chance. *intended: the border as it was.
 */
#define REACHED_MOST 3u

static bool recover_facts(const void *block, uint32_t cls, struct facts *out, uint64_t *intended) {
  const uint64_t border = border_get(block, cls);
  const size_t most = most_of(cls);
  for (size_t size = 0; size <= most; size++) {
    for (unsigned family = 0; family < block_family_count; family++) {
      *out = (struct facts){size, (enum block_family)family};
      *intended = border_for(block, facts_of(block, cls, size, out->family));
      if ((*intended ^ border) >> (8 * REACHED_MOST) == 0) return true;
    }
  }
  return false;
}

static NOINLINE void report_border(void *block, uint32_t cls) {
  struct facts facts;
  uint64_t intended;
  const uint8_t *const behind = (const uint8_t *)border_of(block, cls);
  if (read_facts(block, cls, &facts)) {
    const uint8_t *const end = (const uint8_t *)block + facts.requested;
    size_t over = filled(block, cls, facts.requested);
    while (over > 1 && end[over - 1] == filler()) over--;
    tell(block, cls, facts.requested, HDR_OVERFLOW, over, end[over - 1], filler());
  } else if (recover_facts(block, cls, &facts, &intended)) {
    size_t reached = REACHED_MOST;
    while (reached > 1 && behind[reached - 1] == (uint8_t)(intended >> (8 * (reached - 1)))) reached--;
    const size_t over = most_of(cls) - facts.requested + reached;
    tell(block, cls, facts.requested, HDR_OVERFLOW, over, behind[reached - 1], (uint8_t)(intended >> (8 * (reached - 1))));
  } else {
    facts = (struct facts){most_of(cls), FAMILY_UNKNOWN};
    tell(block, cls, SIZE_UNKNOWN, HDR_OVERFLOW, 0, 0, 0);
  }
  write_border(block, cls, facts.requested, facts.family);
}

/* The bytes of a freed block from its start to the last one that is not zero. */
static NOINLINE void report_write(void *block, uint32_t cls, size_t from) {
  const uint8_t *const bytes = block;
  size_t over = min_size(class_stride(cls) - 1, SECURE_ZERO);
  while (over > from + 1 && bytes[over - 1] == 0) over--;
  tell(block, cls, SIZE_UNKNOWN, HDR_WRITE_AFTER_FREE, over, bytes[over - 1], 0);
}

/* ---- Allocation. ---- */

/* Bytes of a free block that are zero from its start, and those before its end. */
static size_t zero_size(uint32_t cls) { return min_size(class_stride(cls) - 1, SECURE_ZERO); }
static size_t zero_end(uint32_t cls) { return min_size(class_stride(cls) - 1, BESIDE); }
static size_t zero_near(uint32_t cls) { return min_size(class_stride(cls) - 1, NEAR); }

static bool is_zero(const void *block, uint32_t cls, size_t from) { return bytes_are((const uint8_t *)block + from, zero_size(cls) - from, 0); }

static void make_zero(void *block, uint32_t cls) {
  const size_t size = zero_size(cls), whole = class_stride(cls) - 1;
  memset(block, 0, size);
  if (size < whole) memset((char *)block + whole - zero_end(cls), 0, zero_end(cls));
}

void secure_take(void *block, uint32_t cls, size_t size) {
  if (!is_zero(block, cls, sizeof(struct block))) {
    report_write(block, cls, sizeof(struct block));
    memset(block, 0, zero_size(cls));
  }
  link_clear((struct block *)block);
  write_border(block, cls, size, record_family());
  last.taken = block;
  last.cls = cls;
}

size_t secure_requested(const struct pointer *at) {
  struct facts facts;
  return read_facts(at->block, at->cls, &facts) ? facts.requested : class_stride(at->cls) - 1;
}

void secure_check(const struct pointer *at) {
  struct facts facts;
  if (is_damaged(at->block, at->cls, &facts)) report_border(at->block, at->cls);
}

void secure_resize(const struct pointer *at, size_t size) {
  struct facts facts;
  if (read_facts(at->block, at->cls, &facts)) write_border(at->block, at->cls, size, facts.family);
}

void secure_set_family(void *p, enum block_family family) {
  struct facts facts;
  const uint32_t cls = directory_class_at(p);
  if (cls < CLASS_COUNT && read_facts(p, cls, &facts)) write_border(p, cls, facts.requested, family);
}

/* ---- Free, and the quarantine. ---- */

static uint32_t places_of(uint32_t cls) {
  const uint32_t fit = (uint32_t)(CLASS_BYTES / class_stride(cls));
  return fit > PLACES_MOST ? PLACES_MOST : fit < PLACES_LEAST ? PLACES_LEAST : fit;
}

static uint32_t draw_place(uint32_t cls) {
  if (last.random == 0) last.random = random_secret();
  return (uint32_t)((random_next(&last.random) >> 32) * places_of(cls) >> 32);
}

/* Puts `block` (NULL: nothing) at the place. False if a thread looks at the block that is there; else *was is that one. */
ALWAYS_INLINE bool exchange(void **place, void *block, void **was) {
  *was = __atomic_load_n(place, __ATOMIC_RELAXED);
  if (__libc_single_threaded) { /* without the bus lock */
    *place = block;
    return true;
  }
  do {
    if (is_held(*was)) return false;
  } while (!__atomic_compare_exchange_n(place, was, block, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
  return true;
}

/* Puts the block into the quarantine, at a place drawn at random or the next one at which no thread looks. Returns the block that must leave. */
ALWAYS_INLINE void *enter(void *block, uint32_t cls) {
  const uint32_t drawn = draw_place(cls), places = places_of(cls);
  void *was;
  for (uint32_t i = 0; i < places; i++) {
    void **const place = &quarantine[cls][(drawn + i) % places];
    if (!exchange(place, block, &was)) continue;
    last.place = place;
    last.freed = block;
    last.freed_cls = cls;
    return was;
  }
  return block;
}

/* Whether a block that seems free is: in a list, with a link at its start, or in the quarantine. With several threads, the link may be changing. */
static bool link_is_intact(const struct block *block, uint32_t cls) {
  if (!__libc_single_threaded || bytes_are((const uint8_t *)block, sizeof(*block), 0)) return true;
  return pointer_is_link(block_next(block), cls);
}

/*
 * Whether the bytes of a neighbour that are nearest are intact, if it is free: those from `from` to `end`. Another thread may be taking it. Then its header
 * says so soon, or its bytes are zero again.
 */
ALWAYS_INLINE bool is_intact(const char *block, uint32_t cls, const char *from, const char *end) {
  for (unsigned tries = 0; tries < 2; tries++) {
    if (header_now(block) != HEADER_FREE) return true;
    const char *const behind_link = block + sizeof(struct block);
    const char *const start = from > behind_link ? from : behind_link;
    if ((start >= end || bytes_are((const uint8_t *)start, (size_t)(end - start), 0)) &&
        (from >= behind_link || link_is_intact((const struct block *)block, cls)))
      return true;
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
  }
  return header_now(block) != HEADER_FREE;
}

/* The free left neighbour that was written to; NULL: none. */
ALWAYS_INLINE char *damaged_left(const struct slab *slab, const char *p, uint32_t cls) {
  const char *const first = slab->base + slab->first;
  const size_t stride = slab->stride;
  for (const char *left = p - stride; left >= first && left + stride + NEAR > p; left -= stride) {
    const char *const end = left + stride - 1, *const last_bytes = end - zero_end(cls);
    if (!is_intact(left, cls, last_bytes > p - BESIDE ? last_bytes : p - BESIDE, end)) return (char *)(uintptr_t)left;
  }
  return NULL;
}

ALWAYS_INLINE bool right_is_intact(const struct slab *slab, const char *p, uint32_t cls) {
  const size_t stride = slab->stride;
  const char *const end = slab->base + slab->first + (size_t)__atomic_load_n(&slab->carved, __ATOMIC_RELAXED) * stride;
  for (const char *right = p + stride; right < p + NEAR && right < end; right += stride) {
    if (!is_intact(right, cls, right, right + zero_near(cls))) return false;
  }
  return true;
}

/*
 * The free block before `block` was written to. If the block before that one is live and its border is overwritten, the write came from there. With several
 * threads, another one may be writing that border.
 */
static NOINLINE void report_left(const struct slab *slab, char *damaged, void *block, uint32_t cls, size_t requested) {
  struct facts facts;
  char *const before = damaged - slab->stride;
  if (__libc_single_threaded && before >= slab->base + slab->first && header_says_live_at(before, cls) && is_damaged(before, cls, &facts))
    return report_border(before, cls);
  tell(block, cls, requested, HDR_UNDERFLOW, 0, 0, 0);
}

ALWAYS_INLINE void check_at_free(const struct slab *slab, void *block, uint32_t cls, enum block_family given) {
  struct facts facts = {SIZE_UNKNOWN, FAMILY_UNKNOWN};
  if (is_damaged(block, cls, &facts)) {
    report_border(block, cls);
  } else if (given != FAMILY_UNKNOWN && facts.family != FAMILY_UNKNOWN && !is_late) {
    misuse_family(&(struct record){.block = block, .requested = facts.requested, .family = (uint8_t)facts.family}, given);
  }
  char *const left = damaged_left(slab, block, cls);
  if (left != NULL) report_left(slab, left, block, cls, facts.requested);
  if (!right_is_intact(slab, block, cls)) tell(block, cls, facts.requested, HDR_OVERFLOW, 0, 0, 0);
}

/*
 * A block leaves the quarantine. Its first bytes are looked at now, because its link takes their place; the others when it is handed out. If they were
 * written to, the block is never used again.
 */
ALWAYS_INLINE void *leave(void *block, uint32_t cls) {
  if (block == NULL || LIKELY(bytes_are(block, sizeof(struct block), 0))) return block;
  report_write(block, cls, 0);
  return NULL;
}

void *secure_free(const struct slab *slab, void *block, uint32_t cls, enum block_family given) {
  check_at_free(slab, block, cls, given);
  if (last.taken == block) last.taken = NULL;
  make_zero(block, cls);
  __atomic_store_n((uint8_t *)block - 1, HEADER_FREE, __ATOMIC_RELEASE); /* from now on, others may look at it: left_is_intact */
  return leave(enter(block, cls), cls);
}

void *secure_next(uint32_t cls) {
  for (uint32_t i = 0; i < places_of(cls); i++) {
    void *was;
    void *const block = exchange(&quarantine[cls][i], NULL, &was) ? leave(was, cls) : NULL;
    if (block != NULL) return block;
  }
  return NULL;
}

/* Those who looked are gone. */
void secure_fork_child(void) {
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    for (uint32_t i = 0; i < places_of(cls); i++) {
      void **const place = &quarantine[cls][i];
      if (is_held(*place)) *place = (char *)*place - 1;
    }
  }
}

/* ---- The blocks used last. ---- */

/* Changes what is at the place of the block that was freed last. False, and nothing is changed, if that is not `from`. */
ALWAYS_INLINE bool change(void *from, void *to) { return __atomic_compare_exchange_n(last.place, &from, to, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED); }

/* A block that was written to is taken out and never used again. A signal handler that forks may have ended the hold meanwhile, in the child. */
ALWAYS_INLINE void look_at_freed(void) {
  const bool alone = __libc_single_threaded;
  void *const block = last.freed, *const there = alone ? block : held(block);
  if (__atomic_load_n(last.place, __ATOMIC_RELAXED) != block || (!alone && !change(block, there))) return;
  const bool intact = bytes_are(block, min_size(zero_size(last.freed_cls), BESIDE), 0);
  if (LIKELY(intact) && alone) return;
  if (change(there, intact ? block : NULL) && !intact) report_write(block, last.freed_cls, 0);
}

/* With several threads, another one may have freed the block that was taken last, and its memory may be gone. */
ALWAYS_INLINE void look_at_taken(void) {
  struct facts facts;
  void *const taken = last.taken;
  last.taken = NULL;
  if (!__libc_single_threaded) return;
  if (!header_says_live_at(taken, last.cls)) {
    const struct pointer at = pointer_at(taken);
    if (at.kind != POINTER_BLOCK || at.state != BLOCK_BROKEN) return;
    misuse_header(&at, MISUSE_LIVE);
    header_set(taken, header_live(last.cls));
  }
  if (is_damaged(taken, last.cls, &facts)) report_border(taken, last.cls);
}

void secure_look(void) {
  if (last.place != NULL) look_at_freed();
  if (last.taken != NULL) look_at_taken();
}
