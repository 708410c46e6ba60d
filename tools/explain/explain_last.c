/*
 * explain_last.c: what a killed process did in its last moments, by its flight recorder.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "common/format.h"
#include "common/memory.h"
#include "explain.h"

#define MOMENT_NS UINT64_C(100000000) /* of the last events that are added up */
#define SHOWN 3                       /* of the last events, one by one */

/* `text`, and `part` behind it, as a new text; both are freed. */
static char *append(char *text, const char *separator, char *part) {
  char *const longer = must_print("%s%s%s", text, *text != '\0' ? separator : "", part);
  free(text);
  free(part);
  return longer;
}

/* "12 refills (34 us), 1 map (8 us)" of the spans from `first` on. */
static char *sum_of(const struct model_process *p, size_t first) {
  uint64_t count[SPAN_KINDS] = {0}, ns[SPAN_KINDS] = {0};
  char *sum = must_copy(""), time[FORMAT_SIZE];
  for (size_t i = first; i < p->span_count; i++) {
    count[p->spans[i].kind]++;
    ns[p->spans[i].kind] += p->spans[i].duration_ns;
  }
  for (uint32_t kind = 0; kind < SPAN_KINDS; kind++) {
    if (count[kind] == 0) continue;
    const char *const name = model_span_name(&(struct model_span){.kind = kind});
    sum = append(sum, ", ", must_print("%s %" PRIu64 " time%s (%s)", name, count[kind], count[kind] == 1 ? "" : "s", format_ns(time, (double)ns[kind])));
  }
  return sum;
}

static char *last_of(const struct model_process *p) {
  char *last = must_copy("");
  for (size_t i = p->span_count > SHOWN ? p->span_count - SHOWN : 0; i < p->span_count; i++) {
    const struct model_span *const s = &p->spans[i];
    const char *const why = model_span_why(s);
    char cls[EXPLAIN_CLASS], time[FORMAT_SIZE];
    last = append(last, ", then ",
                  must_print("%s%s%s%s%s%s in thread %" PRIu32 " (%s)", model_span_name(s), why != NULL ? " (" : "", why != NULL ? why : "",
                             why != NULL ? ")" : "", s->cls < CLASS_ROWS ? " of " : "", s->cls < CLASS_ROWS ? explain_class(cls, s->cls) : "", s->tid,
                             format_ns(time, (double)s->duration_ns)));
  }
  return last;
}

void explain_last_moments(struct finding *f, const struct diagnosis *d, const struct model_process *killed) {
  const struct model_process *const p = model_find_process(d->page->flight, killed->host, killed->pid);
  if (p == NULL || p->span_count == 0) return;
  char span[FORMAT_SIZE];
  const uint64_t moment = p->elapsed_ns < MOMENT_NS ? p->elapsed_ns : MOMENT_NS;
  size_t first = p->span_count - 1;
  while (first > 0 && p->elapsed_ns - p->spans[first - 1].end_ns <= moment) first--;
  char *const sum = sum_of(p, first), *const last = last_of(p);
  finding_evidence(f, "process %" PRIu32 " in the last %s of its flight recorder: %s", p->pid, format_ns(span, (double)moment), sum);
  finding_evidence(f, "process %" PRIu32 ", its last events: %s", p->pid, last);
  free(sum);
  free(last);
}
