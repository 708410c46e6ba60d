/*
 * hosts.h: which host the parts of a trace belong to. Times of two hosts are never compared: each has its own clock.
 */
#ifndef HAKMEM_TOOLS_TRACE_HOSTS_H
#define HAKMEM_TOOLS_TRACE_HOSTS_H

#include "model/model.h"

/* What a report had before a part was added to it. */
struct hosts_part {
  struct model_losses lost;
  uint64_t events;
  size_t processes;
};

/* Call both around the adding of one part. Between them, the events and the times of the report are those of the part alone, so that its host gets them. */
struct hosts_part hosts_begin_part(struct report *r);
/* `written_ns`: when the part's files were written, by the clock of the machine that has them; 0: unknown. */
void hosts_end_part(struct report *r, const struct hosts_part *before, struct model_host *host, uint64_t written_ns);

/* After the last part: sorts the hosts, and says which of their processes have not ended. */
void hosts_finish(struct report *r);

#endif
