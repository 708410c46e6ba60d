/*
 * stacks.c: stack ids. An id stands for the 64-bit hash of a stack's frames: its place in `hashes`, from 1. With a stack's first
 * appearance goes the event that tells its frames, and before that one for each loaded object that they lie in.
 * The frames of stacks of incidents are kept in the statistics block, too.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "../src/config.h"
#include "../src/maps.h"
#include "../src/message.h"
#include "hub.h"

#define OWN_FRAMES 2 /* hub_stack and stacks_capture, whose caller's stack is wanted */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool opened, tried;

/*
 * libunwind is opened here, where nothing is under way, whenever a stack is likely to be asked for; with the first incident
 * otherwise, so that a program that has none does not pay for it.
 */
void stacks_start(void) {
  const bool likely = config.ss_limit != 0 || hub_is_watched();
  if (config.stacks == STACKS_OFF || (config.stacks == STACKS_AUTO && !likely)) return;
  tried = true;
  opened = unwind_open();
  if (!opened && config.stacks == STACKS_UNWIND) message_say("HAKMEM_STACKS=unwind: libunwind.so.8 cannot be opened (install libunwind8); there are no stacks");
}

/* ---- Loaded objects. ---- */

static bool is_known(const struct stats_block *b, uintptr_t address) {
  for (unsigned i = 0; i < STATS_MODULES && b->modules[i].size != 0; i++) {
    if (address - b->modules[i].base < b->modules[i].size) return true;
  }
  return false;
}

/* Enters the object that `address` lies in. Returns its entry, NULL where there is none or no place. */
static struct stats_module *add_module(struct stats_block *b, uintptr_t address) {
  struct maps_region region;
  if (maps_find(address, &region) != MAPS_FOUND || !region.executable) return NULL;
  static_assert(MAPS_PATH <= STATS_TEXT, "a module's path fits");
  const char *path = region.path[0] != '\0' ? region.path : "[anonymous]";
  for (unsigned i = 0; i < STATS_MODULES; i++) {
    struct stats_module *module = &b->modules[i];
    if (module->size != 0) continue;
    *module = (struct stats_module){.base = region.start, .size = region.end - region.start, .offset = region.offset};
    strcpy(module->path, path);
    return module;
  }
  b->modules_missed++;
  return NULL;
}

/* ---- Ids. ---- */

#define HASHES 16384
#define PROBES_MAX 64

static uint64_t hashes[HASHES]; /* atomic; 0 where none */
static uint16_t told[HASHES];   /* atomic; the pass in which the stack was last told of */
static uint16_t pass = 1;      /* atomic; grows with stacks_tell_again */

/* FNV-1a over the frames, never 0 (http://www.isthe.com/chongo/tech/comp/fnv). */
static uint64_t hash_of(const uintptr_t *frames, uint32_t count) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325);
  for (uint32_t i = 0; i < count; i++) {
    for (unsigned shift = 0; shift < 64; shift += 8) hash = (hash ^ ((uint64_t)frames[i] >> shift & 0xff)) * UINT64_C(0x100000001b3);
  }
  return hash | 1;
}

/* The id of the stack with this hash; *fresh: this pass has not told of it yet. 0 where there is no place. Takes no lock. */
static uint32_t id_of(uint64_t hash, bool *fresh) {
  uint32_t i = (uint32_t)(hash >> 32) % HASHES;
  for (unsigned probe = 0; probe < PROBES_MAX; probe++, i = (i + 1) % HASHES) {
    uint64_t seen = 0;
    const bool given = __atomic_compare_exchange_n(&hashes[i], &seen, hash, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    if (!given && seen != hash) continue;
    const uint16_t now = __atomic_load_n(&pass, __ATOMIC_RELAXED);
    *fresh = __atomic_load_n(&told[i], __ATOMIC_RELAXED) != now && __atomic_exchange_n(&told[i], now, __ATOMIC_RELAXED) != now;
    return i + 1;
  }
  *fresh = false;
  return 0;
}

/* Puts the frames into the block, once. Returns where they are, NULL where there is no place. */
static const struct stats_stack *keep_frames(struct stats_block *b, uint32_t id, const uintptr_t *frames, uint32_t count) {
  const struct stats_stack *kept = NULL;
  pthread_mutex_lock(&lock);
  for (uint32_t i = 0; i < STATS_STACKS && kept == NULL; i++) {
    struct stats_stack *stack = &b->stacks[i];
    if (stack->id == id) kept = stack;
    if (stack->id != 0) continue;
    for (uint32_t f = 0; f < count; f++) stack->frames[f] = frames[f];
    stack->frame_count = count;
    __atomic_store_n(&stack->id, id, __ATOMIC_RELEASE);
    kept = stack;
  }
  if (kept == NULL) b->stacks_missed++;
  pthread_mutex_unlock(&lock);
  return kept;
}

static void raise_modules(struct stats_block *b, const uintptr_t *frames, uint32_t count) {
  for (uint32_t f = 0; f < count; f++) {
    pthread_mutex_lock(&lock);
    const struct stats_module *module = is_known(b, frames[f]) ? NULL : add_module(b, frames[f]);
    pthread_mutex_unlock(&lock);
    if (module == NULL) continue;
    EVENT(module, .base = (void *)module->base, .size = module->size, .offset = module->offset, .path = module->path);
  }
}

void stacks_tell_again(void) {
  __atomic_add_fetch(&pass, 1, __ATOMIC_RELAXED);
  const struct stats_block *b = stats_block();
  for (unsigned i = 0; i < STATS_MODULES; i++) {
    pthread_mutex_lock(&lock);
    const struct stats_module *module = b->modules[i].size != 0 ? &b->modules[i] : NULL;
    pthread_mutex_unlock(&lock);
    if (module == NULL) return;
    EVENT(module, .base = (void *)module->base, .size = module->size, .offset = module->offset, .path = module->path);
  }
}

/*
 * libunwind has locks that a forked child could never take again if another thread held one at the fork. So a fork waits until nobody
 * is in libunwind, and who comes by meanwhile gets no stack. A thread is in libunwind, and may not enter, or sees no fork: both
 * sides write their word before they read the other's.
 */
static uint32_t unwinding; /* atomic; threads in libunwind */
static uint32_t forking;   /* atomic; forks under way */
static __thread uint32_t unwinding_here __attribute__((tls_model("initial-exec"))); /* a signal handler may fork */

ALWAYS_INLINE uint32_t unwind(uintptr_t *frames) { /* no frame of its own */
  uint32_t count = 0;
  unwinding_here++;
  __atomic_add_fetch(&unwinding, 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&forking, __ATOMIC_SEQ_CST) == 0) {
    /* HAKMEM_STACKS=auto: the first stack that is needed opens libunwind; who comes by meanwhile gets none. */
    if (!__atomic_exchange_n(&tried, true, __ATOMIC_RELAXED)) __atomic_store_n(&opened, unwind_open(), __ATOMIC_RELEASE);
    if (__atomic_load_n(&opened, __ATOMIC_ACQUIRE)) count = unwind_capture(frames, STATS_FRAMES + OWN_FRAMES);
  }
  __atomic_sub_fetch(&unwinding, 1, __ATOMIC_SEQ_CST);
  unwinding_here--;
  return count;
}

uint32_t stacks_capture(bool keep) {
  if (config.stacks == STACKS_OFF) return 0;
  uintptr_t frames[STATS_FRAMES + OWN_FRAMES];
  const uint32_t count = unwind(frames);
  if (count <= OWN_FRAMES) return 0;
  const uintptr_t *own = frames + OWN_FRAMES;
  const uint32_t own_count = count - OWN_FRAMES;
  struct stats_block *b = stats_block();
  bool fresh;
  const uint32_t id = id_of(hash_of(own, own_count), &fresh);
  const struct stats_stack *kept = id != 0 && keep ? keep_frames(b, id, own, own_count) : NULL;
  if (!fresh || (keep && kept == NULL)) return id; /* what is not kept cannot be pointed to from the early ring */
  raise_modules(b, own, own_count);
  static_assert(sizeof(kept->frames[0]) == sizeof(uintptr_t), "frames are kept as addresses");
  EVENT(stack, .id = id, .frames = kept != NULL ? (const uintptr_t *)kept->frames : own, .frame_count = own_count);
  return id;
}

void stacks_fork_prepare(void) {
  __atomic_add_fetch(&forking, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&unwinding, __ATOMIC_SEQ_CST) > unwinding_here) sched_yield();
  pthread_mutex_lock(&lock);
}

void stacks_fork_release(void) {
  pthread_mutex_unlock(&lock);
  __atomic_sub_fetch(&forking, 1, __ATOMIC_SEQ_CST);
}

void stacks_fork_child(void) {
  pthread_mutex_init(&lock, NULL);
  __atomic_store_n(&unwinding, unwinding_here, __ATOMIC_SEQ_CST); /* who was about to hear of the fork does not exist here */
  __atomic_store_n(&forking, 0, __ATOMIC_SEQ_CST);
}
