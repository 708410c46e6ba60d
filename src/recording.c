#include "recording.h"

#include <string.h>

#include "config.h"
#include "events.h"
#include "header.h"
#include "records.h"
#include "size_class.h"

bool recording_all(void) { return HAKMEM_EVENTS && config.leaks != 0 && !hub_checked; }

void recording_alloc(void *block, uint32_t cls, size_t size) {
  if (!recording_all() || hub_is_inside()) return; /* else the program would be charged with what it did not do */
  struct record record;
  record_init(&record, block, size, hub_block_stack(), RECORD_MALLOC);
  if (record_put(&record) && cls < CLASS_COUNT) header_set(block, header_sampled(cls));
  /* What the block held before, its link to a neighbour in the first place, must not be taken for what the program keeps there. */
  if (cls < CLASS_COUNT) memset(block, 0, class_stride(cls) - 1);
}

static bool has_record(const void *block, uint32_t cls) { return cls < CLASS_COUNT ? header_is_sampled(block, cls) : recording_all(); }

void recording_free(void *block, uint32_t cls) {
  if (has_record(block, cls)) record_free(block, hub_block_stack(), NULL);
}

void recording_resize(const void *old, void *block, uint32_t cls, size_t size) {
  struct record record;
  if (!has_record(block, cls) || !record_get(old, &record)) return;
  if (old != block) record_take(old);
  record.block = block;
  record.requested = size;
  record_put(&record);
}
