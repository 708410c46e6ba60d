#include "recording.h"

#include <string.h>

#include "modes.h"
#include "probe.h"
#include "slabs/header.h"
#include "profile.h"
#include "checks/records.h"
#include "slabs/size_class.h"

void recording_alloc(void *block, uint32_t cls, size_t size, size_t sampled, const void *frame) {
  const bool all = MODE(leaks);
  if ((!all && sampled == 0) || hub_is_inside()) return; /* the program does not answer for blocks of the instrumentation */
  struct record record;
  record_init(&record, block, size, hub_block_stack(frame));
  if (!all) record.weight = profile_weight(sampled); /* at the rate of now: HAKMEM_PROFILE may change while the block lives */
  if (record_put(&record) && cls < CLASS_COUNT) header_set(block, header_sampled(cls));
  /* Clears old content, above all the link to another free block: the leak check would take it for the program's pointer. */
  if (all && cls < CLASS_COUNT) memset(block, 0, MODE(secure) ? size : class_stride(cls) - 1); /* behind them lies the secure mode's border */
}

static bool has_record(const void *block, uint32_t cls) {
  if (cls < CLASS_COUNT) return header_is_sampled(block, cls);
  struct record record;
  return MODE(leaks) || (record_get(block, &record) && !record.freed);
}

void recording_free(void *block, uint32_t cls) {
  /* A sample must stay cheap enough to be always on, and the stack of its free would double its cost. */
  if (has_record(block, cls)) record_free(block, MODE(leaks) ? hub_block_stack(__builtin_frame_address(0)) : 0, NULL);
}

bool recording_free_sample(const void *block) { return !MODE(leaks) && record_free(block, 0, NULL); }

void recording_resize(const void *old, void *block, uint32_t cls, size_t size) {
  struct record record;
  if (!has_record(old, cls) || !record_get(old, &record)) return;
  if (old != block) record_take(old);
  record.block = block;
  record.requested = size;
  record_put(&record);
}
