#include "hosts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct hosts_part hosts_begin_part(struct report *r) {
  const struct hosts_part before = {.lost = r->lost, .events = r->events, .processes = r->process_count};
  r->events = r->start_ns = r->end_ns = 0;
  return before;
}

static void add_events(struct report *r, struct model_host *host, uint64_t written_ns) {
  if (r->events == 0) return;
  if (host->events == 0 || r->start_ns < host->start_ns) host->start_ns = r->start_ns;
  if (r->end_ns > host->end_ns) host->end_ns = r->end_ns;
  host->events += r->events;
  const int64_t lag_ns = (int64_t)(written_ns - r->end_ns);
  if (written_ns == 0 || (host->has_lag && lag_ns > host->lag_ns)) return;
  host->has_lag = true;
  host->lag_ns = lag_ns;
}

void hosts_end_part(struct report *r, const struct hosts_part *before, struct model_host *host, uint64_t written_ns) {
#define ADD_NEW_LOSS(name, text) host->lost.name += r->lost.name - before->lost.name;
  MODEL_LOSSES(ADD_NEW_LOSS)
  add_events(r, host, written_ns);
  r->events += before->events;
  for (size_t i = before->processes; i < r->process_count; i++) r->processes[i]->host = host;
}

static int by_name(const void *a, const void *b) { return model_compare_hosts(*(struct model_host *const *)a, *(struct model_host *const *)b); }

/* Whether it is this machine, as it runs now. */
static bool is_here(const struct model_host *host) {
  char name[HOST_NAME_MAX + 1] = "";
  gethostname(name, sizeof(name) - 1);
  return *host->name == '\0' || strcmp(host->name, name) == 0;
}

/* A process of this machine can be asked whether it ended; of another one, the trace must tell. */
void hosts_finish(struct report *r) {
  if (r->host_count > 1) qsort(r->hosts, r->host_count, sizeof(struct model_host *), by_name);
  for (size_t i = 0; i < r->host_count; i++) {
    struct model_host *const host = r->hosts[i];
    const bool is_remote = r->host_count > 1 || !is_here(host);
    for (size_t k = 0; k < r->process_count; k++) {
      struct model_process *const p = r->processes[k];
      if (p->host != host) continue;
      host->processes++;
      host->unended += !p->complete;
      if (host->is_live) p->state = p->complete ? PROCESS_ENDED : PROCESS_RUNS;
      else if (is_remote && !p->complete) p->state = PROCESS_CUT_SHORT;
    }
    if (host->is_live || !is_remote) continue;
    host->lost.unended = host->unended;
    r->lost.unended += host->unended;
  }
  r->start_ns = r->host_count == 1 ? r->hosts[0]->start_ns : 0;
  r->end_ns = r->host_count == 1 ? r->hosts[0]->end_ns : 0;
}
