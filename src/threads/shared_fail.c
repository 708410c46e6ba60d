#include "probe.h"
#include "shared_fail.h"

#include "platform/config.h"
#include "slabs/superslabs.h"

/* Free bytes of slabs that belong to a class: in partial slabs and batches. The lists of threads are not included. */
struct idle {
  uint64_t bytes;
  struct {
    uint32_t cls;
    uint64_t bytes;
  } most[2]; /* the classes that hold the most of them */
};

static struct idle idle_capacity(void) {
  struct idle idle = {.most = {{CLASS_NONE, 0}, {CLASS_NONE, 0}}};
  for (uint32_t cls = 0; cls < CLASS_COUNT; cls++) {
    struct pool_usage usage;
    pool_usage(cls, &usage);
    const uint64_t unused = usage.capacity > usage.used ? usage.capacity - usage.used : 0; /* other threads change both meanwhile */
    const uint64_t bytes = (unused + usage.batched) * class_stride(cls);
    idle.bytes += bytes;
    if (bytes > idle.most[0].bytes) {
      idle.most[1] = idle.most[0];
      idle.most[0].cls = cls;
      idle.most[0].bytes = bytes;
    } else if (bytes > idle.most[1].bytes) {
      idle.most[1].cls = cls;
      idle.most[1].bytes = bytes;
    }
  }
  return idle;
}

static uint64_t idle_ms(uint32_t cls) { return cls < CLASS_COUNT ? pool_idle_ms(cls) : 0; }

uint32_t shared_fail_raise(const struct sll_cache *own, uint32_t cls, uint32_t units, struct units_refusal refusal) {
  const uint32_t stack = hub_refusal_stack();
  struct superslabs_totals totals;
  struct pool_usage usage = {0};
  uint64_t cached = 0, mine = 0, allocs, frees;
  superslabs_totals(&totals);
  if (own != NULL) {
    pool_usage(cls, &usage);
    cached = sll_cached(cls, &allocs, &frees);
    mine = own->state[cls].length + own->state[cls].spare_count;
  }
  const struct idle idle = idle_capacity();
  EVENT(shared_fail, .cls = cls, .reason = refusal.reason, .active = totals.active, .limit = config.ss_limit, .free_slabs = totals.free_units,
        .free_blocks = cached + usage.batched, .stack = stack, .units = units, .error = (uint32_t)refusal.error, .own = mine,
        .others = cached > mine ? cached - mine : 0, .batched = usage.batched, .partial = usage.capacity > usage.used ? usage.capacity - usage.used : 0,
        .slab_bytes = totals.mapped - (uint64_t)totals.free_units * UNIT_SIZE, .idle_bytes = idle.bytes, .holder = idle.most[0].cls,
        .holder_idle = idle.most[0].bytes, .second = idle.most[1].cls, .second_idle = idle.most[1].bytes, .holder_ms = idle_ms(idle.most[0].cls),
        .second_ms = idle_ms(idle.most[1].cls));
  return stack;
}
