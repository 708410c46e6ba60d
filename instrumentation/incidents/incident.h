/* incident.h: keeps header resets and shared_fails in the statistics block. */
#ifndef HAKMEM_INCIDENT_H
#define HAKMEM_INCIDENT_H

#include "src/events.h"

void incident_hdr_reset(const struct event_hdr_reset *event);
void incident_shared_fail(const struct event_shared_fail *event);
/* How often the calling thread's last incident has happened so far, including that time. */
uint64_t incident_times(void);

#endif
