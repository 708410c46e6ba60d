/*
 * explain_text.c: the diagnosis as text: the findings in their order, then the rules that found nothing.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "explain.h"
#include "common/format.h"
#include "common/memory.h"

static const char *format_cost(char *buffer, enum cost_unit unit, double cost) {
  return unit == COST_BYTES ? format_bytes(buffer, whole_number(cost)) : format_ns(buffer, cost);
}

static void print_cost(FILE *out, const struct finding *f) {
  char cost[FORMAT_SIZE], share[FORMAT_SIZE];
  if (f->unit == COST_NONE) return;
  format_cost(cost, f->unit, f->cost);
  if (f->whole > 0) format_percent(share, f->cost, f->whole);
  else strcpy(share, "an unknown share");
  if (f->unit == COST_NS) fprintf(out, "   costs %s: %s of the time\n", cost, share);
  else fprintf(out, "   holds %s%s: %s of the most that was resident\n", cost, f->cost_is_mean ? " on average over the run" : "", share);
}

static void print_who(FILE *out, const struct diagnosis *d, const struct finding *f) {
  if (f->p == NULL || (d->r->process_count < 2 && f->others == 0)) return;
  char cost[FORMAT_SIZE], what[MODEL_MERGE], *const program = escape(f->p->program);
  if (f->p->merge != NULL) fprintf(out, "   in %s", model_merge_text(f->p->merge, what));
  else fprintf(out, "   in process %" PRIu32 " (%s)", f->p->pid, program);
  free(program);
  if (f->others > 0) {
    fprintf(out, "; %zu other process%s the same", f->others, f->others == 1 ? " has" : "es have");
    if (f->unit != COST_NONE) fprintf(out, ", %s together", format_cost(cost, f->unit, f->others_cost));
  }
  fputc('\n', out);
}

static void print_remedy(FILE *out, const struct remedy *r) {
  if (r->option != NULL) fprintf(out, "     - %s=%s\n", r->option, r->value);
  else format_wrapped(out, "     - ", r->what);
  if (r->effect != NULL) format_wrapped(out, "       effect: ", r->effect);
}

static void print_finding(FILE *out, const struct diagnosis *d, const struct finding *f, size_t number) {
  char first[32];
  const bool colour = format_has_colour(out);
  snprintf(first, sizeof(first), "%zu. ", number);
  fputc('\n', out);
  if (colour) fputs("\033[1m", out);
  format_wrapped(out, first, f->what);
  if (colour) fputs("\033[0m", out);
  print_cost(out, f);
  print_who(out, d, f);
  if (f->evidence_count > 0) fputs("   evidence\n", out);
  for (size_t i = 0; i < f->evidence_count; i++) format_wrapped(out, "     - ", f->evidence[i]);
  if (f->remedy_count > 0) fputs("   what to change\n", out);
  for (size_t i = 0; i < f->remedy_count; i++) print_remedy(out, &f->remedies[i]);
}

static bool has_finding(const struct diagnosis *d, const char *rule) {
  for (size_t i = 0; i < d->finding_count; i++) {
    if (strcmp(d->findings[i]->rule, rule) == 0) return true;
  }
  return false;
}

static void print_looks(FILE *out, const struct diagnosis *d) {
  const char *head = "\nLooked for, and not found\n";
  for (size_t i = 0; i < d->look_count; i++) {
    if (d->looks[i].why_not != NULL || has_finding(d, d->looks[i].rule)) continue;
    fputs(head, out);
    format_wrapped(out, "  - ", d->looks[i].meaning);
    head = "";
  }
  head = "\nNot looked for, because the data do not tell\n";
  for (size_t i = 0; i < d->look_count; i++) {
    if (d->looks[i].why_not == NULL) continue;
    char *const text = must_print("%s: %s", d->looks[i].meaning, d->looks[i].why_not);
    fputs(head, out);
    format_wrapped(out, "  - ", text);
    free(text);
    head = "";
  }
}

static void print_all(FILE *out, const struct diagnosis *d) {
  char time[FORMAT_SIZE], *const path = escape(d->page->path);
  fprintf(out, "hakmem explain: %s\n", path);
  free(path);
  const size_t count = model_has_merge(d->r) ? model_process_count(d->r) : d->r->process_count;
  fprintf(out, "  %zu process%s, %s of %s in %s\n", count, count == 1 ? "" : "es", d->r->source == SOURCE_STATS ? "statistics" : "a trace",
          count == 1 ? "its run" : "their runs", format_ns(time, d->time_ns));
  for (size_t i = 0; i < d->r->process_count; i++) {
    char what[MODEL_MERGE];
    if (d->r->processes[i]->merge != NULL)
      fprintf(out, "  merged: %s; a rule that needs stacks or times finds nothing\n", model_merge_text(d->r->processes[i]->merge, what));
  }
  print_alive(out, d->r);
  for (size_t i = 0; i < d->finding_count; i++) print_finding(out, d, d->findings[i], i + 1);
  if (d->finding_count == 0) fputs("\nNo finding.\n", out);
  print_looks(out, d);
  print_replaced(out);
}

void explain_text(FILE *out, const struct diagnosis *d) {
  char *text = NULL;
  size_t size;
  FILE *const memory = open_memstream(&text, &size);
  if (memory == NULL) return print_all(out, d);
  print_all(memory, d);
  fclose(memory);
  format_fitted(out, text);
  free(text);
}
