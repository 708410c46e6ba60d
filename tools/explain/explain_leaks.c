/*
 * explain_leaks.c: blocks that were unreachable when a process ended.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "explain.h"
#include "common/format.h"

#define PLACES_TOLD 5

/* "lost" and "lost with others" together: the code that frees the first can free the second. */
static void tell_leaks(struct diagnosis *d, const struct model_process *p) {
  uint64_t bytes[leak_kind_count] = {0}, blocks[leak_kind_count] = {0};
  for (size_t i = 0; i < p->leak_count; i++) {
    bytes[p->leaks[i].kind] += p->leaks[i].bytes;
    blocks[p->leaks[i].kind] += p->leaks[i].blocks;
  }
  const uint64_t lost = bytes[LEAK_LOST] + bytes[LEAK_INDIRECT], lost_blocks = blocks[LEAK_LOST] + blocks[LEAK_INDIRECT];
  if (lost_blocks == 0) return;
  char size[FORMAT_SIZE], reachable[FORMAT_SIZE];
  struct finding *const f = finding_add(d, "leaks", FINDING_ERROR, p);
  finding_cost(f, COST_BYTES, (double)lost, explain_whole_memory(p));
  finding_what(f, "%s in %" PRIu64 " block%s never freed, and %s unreachable.", format_bytes(size, lost), lost_blocks, lost_blocks == 1 ? " was" : "s were",
               lost_blocks == 1 ? "is" : "are");
  finding_evidence(f, "no pointer to %" PRIu64 " of them was found", blocks[LEAK_LOST]);
  if (blocks[LEAK_INDIRECT] > 0) finding_evidence(f, "only lost blocks point to the other %" PRIu64, blocks[LEAK_INDIRECT]);
  finding_evidence(f, "%s in %" PRIu64 " block%s still reachable at the end", format_bytes(reachable, bytes[LEAK_REACHABLE]), blocks[LEAK_REACHABLE],
                   blocks[LEAK_REACHABLE] == 1 ? " was" : "s were");
  unsigned told = 0;
  for (size_t i = 0; i < p->leak_count && told < PLACES_TOLD; i++) {
    const struct stats_leak *const leak = &p->leaks[i];
    char *const where = leak->kind != LEAK_REACHABLE ? explain_place(d, p, leak->stack) : NULL;
    if (where == NULL) continue;
    finding_evidence(f, "%s in %" PRIu64 " block%s %s allocated by %s", format_bytes(size, leak->bytes), leak->blocks, leak->blocks == 1 ? "" : "s",
                     leak->blocks == 1 ? "was" : "were", where);
    free(where);
    told++;
  }
  finding_figure(f, "lost_bytes", (double)lost);
  finding_figure(f, "lost_blocks", (double)lost_blocks);
  finding_change(f, "Free these blocks when their owner drops them.");
  finding_effect(f, "%s less at the end of a run like this one", format_bytes(size, lost));
}

const char *rule_leaks(struct diagnosis *d) {
  bool looked = false;
  for (size_t k = 0; k < d->r->process_count; k++) {
    const struct model_process *const p = d->r->processes[k];
    looked = looked || p->leak_count > 0;
    tell_leaks(d, p);
  }
  return looked ? NULL : "no process that had live blocks at its end ran with HAKMEM_LEAKS=1";
}
