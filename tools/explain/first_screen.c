/*
 * first_screen.c: the first screen of a report, at most 24 lines of the terminal's width: what ran, where its memory is, the time in slow paths, the errors,
 * and the findings with the highest cost.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/format.h"
#include "common/memory.h"
#include "explain.h"

#define FINDINGS 3
#define FINDING_LINES 2 /* of each finding at most, without its remedy */
#define BAR_WIDTH 10
#define PROGRAM_WIDTH 36
#define HOLDERS 2
#define PART_COLUMNS 51 /* of a part of the memory, in front of the words about it */

static size_t screen_width; /* columns */

/* Prints `text` cut to the remaining columns, with an ellipsis if it was cut. */
static void print_cut(FILE *out, const char *text, size_t columns) {
  const size_t width = format_width(text);
  if (width <= columns) {
    fprintf(out, "%s\n", text);
    return;
  }
  const size_t bytes = format_bytes_within(text, columns > 3 ? columns - 3 : 0);
  fprintf(out, "%.*s...\n", (int)bytes, text);
}

/* ---- What ran ---- */

#define NEARLY 0.75 /* of the largest process */

/* Of the processes that are nearly as large as the largest one, the one that allocated most: a server's main process rests, and may be a little larger. */
static const struct model_process *shown_process(const struct report *r) {
  const struct model_process *const largest = model_largest_process(r), *shown = largest;
  for (size_t i = 0; largest != NULL && i < r->process_count; i++) {
    const struct model_process *const p = r->processes[i];
    const bool is_large = p->rss_max != UNKNOWN && largest->rss_max != UNKNOWN && (double)p->rss_max >= NEARLY * (double)largest->rss_max;
    if (is_large && model_sum_allocs(p->counts) > model_sum_allocs(shown->counts)) shown = p;
  }
  return shown;
}

/* "12 runs of 3 hosts: 34 processes of server, together 5.2 h". */
static char *name_merge(const struct model_process *p, const char *rest) {
  char what[MODEL_MERGE], time[FORMAT_SIZE], *const program = escape(format_last_part(p->program));
  char *const line = must_print("  %s%s%.*s, together %s%s", model_merge_text(p->merge, what), *program != '\0' ? " of " : " of several programs",
                                PROGRAM_WIDTH, program, format_ns(time, (double)p->elapsed_ns), rest);
  free(program);
  return line;
}

static void print_program(FILE *out, const struct page *page, const struct model_process *p) {
  char time[MODEL_TIME], state[MODEL_STATE],
    as_of[MODEL_AS_OF], *const path = escape(page->path), *const program = escape(format_last_part(*p->program != '\0' ? p->program : "?"));
  char *line = must_print("hakmem report: %s", path);
  print_cut(out, line, screen_width);
  free(line);
  const size_t count = model_process_count(page->main), own = p->merge != NULL ? model_merge_count(p->merge) : 1, others = count > own ? count - own : 0;
  char rest[FORMAT_SIZE] = "";
  if (others > 0) snprintf(rest, sizeof(rest), "; %zu more process%s", others, others == 1 ? "" : "es");
  if (p->merge != NULL) line = name_merge(p, rest);
  else
    line = must_print("  %.*s (process %" PRIu32 ") ran for %s: %s%s", PROGRAM_WIDTH, program, p->pid, model_ran_for(p, "at least ", time),
                      model_state(p, state), rest);
  print_cut(out, line, screen_width);
  free(line);
  if (page->memory->source == SOURCE_STATS && model_is_alive(p)) {
    line = must_print("  Shown %s.", model_as_of(p, as_of));
    print_cut(out, line, screen_width);
    free(line);
  } else if (model_is_cut(p) && p->elapsed_ns > 0) {
    line = must_print("  Counts as of %s after its start, when its statistics were last written.", format_ns(time, (double)p->elapsed_ns));
    print_cut(out, line, screen_width);
    free(line);
  } else {
    fputc('\n', out);
  }
  free(path);
  free(program);
}

/* ---- Memory ---- */

struct part {
  const char *meaning;
  uint64_t bytes;
};

static int by_bytes(const void *a, const void *b) {
  const struct part *const x = a, *const y = b;
  return x->bytes < y->bytes ? 1 : x->bytes > y->bytes ? -1 : 0;
}

static void print_part(FILE *out, const char *name, uint64_t bytes, uint64_t whole, const char *more) {
  char size[FORMAT_SIZE], share[FORMAT_SIZE], bar[FORMAT_BAR_SIZE(BAR_WIDTH)];
  format_bar(bar, sizeof(bar), bytes, whole, BAR_WIDTH);
  char *const line = must_print("    %-15s %9s %7s  %s%*s  %s", name, format_bytes(size, bytes), format_percent(share, (double)bytes, (double)whole), bar,
                                (int)(BAR_WIDTH - format_width(bar)), "", more);
  size_t length = strlen(line);
  while (length > 0 && line[length - 1] == ' ') line[--length] = '\0';
  print_cut(out, line, screen_width);
  free(line);
}

/* Of the parts above it. A bar would add it to them once more. */
static void print_absent(FILE *out, const struct model_process *p, uint64_t whole) {
  char size[FORMAT_SIZE], share[FORMAT_SIZE];
  const uint64_t absent = model_absent(p);
  const bool is_untouched = absent == p->committed - model_touched(p);
  if (absent == 0) return;
  char *const line = must_print("    %-15s %9s %7s  %*s  of these%s", is_untouched ? "not touched yet" : "not resident", format_bytes(size, absent),
                                format_percent(share, (double)absent, (double)whole), BAR_WIDTH, "", is_untouched ? ", not resident" : "");
  print_cut(out, line, screen_width);
  free(line);
}

/* The largest parts of the free memory that is held, as many as fit: "partial slabs 2.10 GiB, TLS lists 500 MiB". */
static char *name_holders(struct part *parts, size_t count) {
  char size[FORMAT_SIZE], *text = must_copy("");
  qsort(parts, count, sizeof(*parts), by_bytes);
  for (size_t i = 0; i < HOLDERS && parts[i].bytes > 0; i++) {
    char *const longer = must_print("%s%s%s %s", text, *text != '\0' ? ", " : "", parts[i].meaning, format_bytes(size, parts[i].bytes));
    if (*text != '\0' && PART_COLUMNS + format_width(longer) > screen_width) {
      free(longer);
      break;
    }
    free(text);
    text = longer;
  }
  return text;
}

/* "mostly /usr/bin/data.bin 2.10 GiB"; memory without a name is counted without hakmem's own. */
static char *name_others(const struct model_process *p, uint64_t own) {
  const struct stats_mapping *most = NULL;
  uint64_t bytes = 0;
  for (unsigned i = 0; i < STATS_MAPPINGS && p->mappings[i].name[0] != '\0'; i++) {
    const struct stats_mapping *const m = &p->mappings[i];
    const uint64_t less = strcmp(m->name, STATS_MAPPING_ANONYMOUS) == 0 ? own : 0, here = m->resident > less ? m->resident - less : 0;
    if (here > bytes) most = m, bytes = here;
  }
  if (most == NULL) return must_copy("code, stacks, mappings");
  char size[FORMAT_SIZE], *const name = escape(format_last_part(most->name));
  char *const text = must_print("mostly %s %s", name, format_bytes(size, bytes));
  free(name);
  return text;
}

static void print_memory_head(FILE *out, const struct model_process *p, bool is_one) {
  char at_end[FORMAT_SIZE], most[FORMAT_SIZE], time[FORMAT_SIZE], *head;
  format_bytes(at_end, p->rss), format_bytes(most, p->rss_max), format_ns(time, (double)p->snapshot_ns);
  if (p->merge != NULL) head = must_print("Memory of all at their ends: %s resident; the largest had %s at most", at_end, most);
  else if (model_is_cut(p)) head = must_print("Memory at its last snapshot, %s after its start: %s resident", time, at_end);
  else
    head = must_print("Memory%s: %s resident%s%s, %s at most", is_one ? "" : " of this process", at_end, model_is_alive(p) ? "" : " ",
                      model_is_alive(p) ? "" : model_last_moment(p), most);
  print_cut(out, head, screen_width);
  free(head);
  if (!model_is_cut(p)) return;
  if (p->rss_max_is_whole) fprintf(out, "    at most %s until its end, as the kernel counted\n", most);
  else fprintf(out, "    at most %s until then, and unknown after it\n", most);
}

/* Of a process that was killed before its first snapshot. */
static void print_memory_unknown(FILE *out, const struct model_process *p) {
  char most[FORMAT_SIZE];
  fputs("Memory: unknown, because no snapshot was taken\n", out);
  if (p->rss_max_is_whole) fprintf(out, "    at most %s until its end, as the kernel counted\n", format_bytes(most, p->rss_max));
}

static void print_memory_of(FILE *out, const struct model_process *p, bool is_one) {
  const struct stats_buckets *const b = &p->buckets;
  struct part parts[] = {{"thread lists", b->cached_tls}, {"shared pool", b->cached_pool}, {"partial slabs", b->partial},
                         {"empty slabs", b->empty},       {"kept huge", b->huge_cache},    {"slab tails", b->tails}};
  const size_t count = sizeof(parts) / sizeof(parts[0]);
  uint64_t held = 0;
  for (size_t i = 0; i < count; i++) held += parts[i].bytes;
  const uint64_t resident = model_touched(p), used = b->live + b->guarded, others_bytes = model_others(p);
  const uint64_t sum = used + held + b->metadata +
                       (p->has_untouched ? others_bytes : 0);                  /* more than the RSS by what was not touched yet: no part exceeds it */
  const uint64_t whole = p->has_untouched || p->committed <= p->rss ? sum : 0; /* else the parts have more than is resident */
  char *const holders = name_holders(parts, count), *const others = name_others(p, resident);
  print_memory_head(out, p, is_one);
  print_part(out, "live blocks", used, whole, "");
  print_part(out, "free, held", held, whole, holders);
  print_part(out, "metadata", b->metadata, whole, "");
  if (p->has_untouched) {
    print_absent(out, p, whole);
    print_part(out, "not hakmem's", others_bytes, whole, others);
  } else {
    fprintf(out, "    %-15s %9s\n", "not hakmem's", "unknown");
  }
  free(holders);
  free(others);
}

/* ---- Time and errors ---- */

/* `count`: there may be more calls than are in the histogram. */
static void print_latency_of(FILE *out, const char *name, const struct histogram *h, uint64_t count, double time_ns) {
  char p50[FORMAT_SIZE], p99[FORMAT_SIZE], p999[FORMAT_SIZE], max[FORMAT_SIZE], share[FORMAT_SIZE];
  if (h == NULL || h->count == 0) return;
  char *const line = must_print("  %-7s %6s: p50 %s, p99 %s, p99.9 %s, max %s; %" PRIu64, name,
                                format_percent(share, histogram_mean(h) * (double)h->count, time_ns), format_ns(p50, (double)histogram_quantile(h, 0.5)),
                                format_ns(p99, (double)histogram_quantile(h, 0.99)), format_ns(p999, (double)histogram_quantile(h, 0.999)),
                                format_ns(max, (double)h->max), count);
  print_cut(out, line, screen_width);
  free(line);
}

/* The kind with most calls beside malloc and free; CALL_KIND_COUNT if there are no others. */
static unsigned other_kind(const struct model_calls *calls) {
  unsigned most = CALL_KIND_COUNT;
  uint64_t most_count = 0;
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
    double error;
    const uint64_t count = kind == CALL_malloc || kind == CALL_free ? 0 : calls_count(calls, kind, &error);
    if (count <= most_count) continue;
    most = kind;
    most_count = count;
  }
  return most;
}

#define QUANTILE_SIZE (FORMAT_SIZE + 2)

/* "20 ns"; ">=20 ns" if the samples do not tell how long such a call may take. */
static const char *format_quantile(char *out, const struct model_calls *calls, unsigned kind, const struct histogram *h, double quantile) {
  const struct quantile_range range = timed_quantile((struct timed){TIMED_CALLS, calls, kind}, CLASS_ROWS, h, quantile);
  const bool open = range.upper == UINT64_MAX;
  char time[FORMAT_SIZE];
  snprintf(out, QUANTILE_SIZE, "%s%s", open ? ">=" : "", format_ns(time, (double)(open ? range.lower : histogram_quantile(h, quantile))));
  return out;
}

/* "12345"; if the number is an estimate, "12345 +-3 %", or "up to 67" if it is smaller than its error. */
static const char *format_number(char *out, uint64_t count, double error) {
  if (error < 0.5) snprintf(out, FORMAT_SIZE, "%" PRIu64, count);
  else if (error > (double)count) snprintf(out, FORMAT_SIZE, "up to %.0f", ceil((double)count + error));
  else snprintf(out, FORMAT_SIZE, "%" PRIu64 " +-%.0f %%", count, ceil(100 * error / (double)count));
  return out;
}

/*
 * "p50 20 ns, p99 41 ns, p99.9 135 ns, max 4.35 ms", within `columns`. Without the p99 if that is open, because then the p99.9 says as much, or if there
 * is no room for it; then without the p50, and without the p99.9. Never without the longest call.
 */
static char *name_quantiles(const struct model_calls *calls, unsigned kind, const struct histogram *h, size_t columns) {
  char p50[QUANTILE_SIZE], p99[QUANTILE_SIZE], p999[QUANTILE_SIZE], max[FORMAT_SIZE];
  format_quantile(p50, calls, kind, h, 0.5), format_quantile(p99, calls, kind, h, 0.99), format_quantile(p999, calls, kind, h, 0.999);
  format_ns(max, (double)h->max);
  char *const all = must_print("p50 %s, p99 %s, p99.9 %s, max %s", p50, p99, p999, max);
  if (*p99 != '>' && format_width(all) <= columns) return all;
  free(all);
  char *const some = must_print("p50 %s, p99.9 %s, max %s", p50, p999, max);
  if (format_width(some) <= columns) return some;
  free(some);
  char *const few = must_print("p99.9 %s, max %s", p999, max);
  if (format_width(few) <= columns) return few;
  free(few);
  return must_print("max %s", max);
}

static void print_calls_of(FILE *out, const struct model_calls *calls, unsigned kind) {
  struct histogram *const h = kind < CALL_KIND_COUNT ? calls_merged(calls, kind) : NULL;
  char max[FORMAT_SIZE], share[FORMAT_SIZE], number[FORMAT_SIZE];
  if (h == NULL) return;
  double error;
  const uint64_t count = calls_count(calls, kind, &error);
  format_number(number, count, error);
  format_ns(max, (double)h->max);
  char *line;
  if (!calls_are_timed(calls, kind, h)) line = must_print("  %-7s %s: most were not timed, max %s", model_call_kind(kind), number, max);
  else if (error > (double)count) line = must_print("  %-7s %s: few were timed, max %s", model_call_kind(kind), number, max);
  else {
    char *const head = must_print("  %-7s %6s; %s: ", model_call_kind(kind), format_percent(share, (double)h->sum, (double)calls->elapsed_ns), number);
    const size_t used = format_width(head);
    char *const quantiles = name_quantiles(calls, kind, h, screen_width > used ? screen_width - used : 0);
    line = must_print("%s%s", head, quantiles);
    free(head);
    free(quantiles);
  }
  print_cut(out, line, screen_width);
  free(line);
  free(h);
}

static void print_whole_calls(FILE *out, const struct model_calls *calls, bool is_one) {
  double error;
  const bool is_more = calls_time(calls, CALL_KIND_COUNT, &error) > (double)calls->elapsed_ns;
  char *const line = must_print("Calls%s: share of %s time%s, number, latency", is_one ? "" : " of all processes", is_one ? "the run's" : "their",
                                is_more ? " (at most, over all threads)" : " (at most)");
  print_cut(out, line, screen_width);
  free(line);
  print_calls_of(out, calls, CALL_malloc);
  print_calls_of(out, calls, CALL_free);
  print_calls_of(out, calls, other_kind(calls));
}

static void print_times(FILE *out, const struct page *page, double time_ns, bool is_one) {
  struct histogram *const calls = page->stats != NULL ? calls_merged(&page->stats->calls, CALL_KIND_COUNT) : NULL;
  if (calls != NULL) {
    free(calls);
    return print_whole_calls(out, &page->stats->calls, is_one);
  }
  const struct model_latency *const l = &page->main->latency;
  struct histogram *const refills = model_merged(l->refill), *const drains = model_merged(l->drain);
  if (!l->ticks && (refills != NULL || drains != NULL)) {
    fputs("Slow paths: share of the time, latency, number (refill: malloc fetches blocks;\ndrain: free hands blocks on)\n", out);
    print_latency_of(out, "refill", refills, refills != NULL ? refills->count : 0, time_ns);
    print_latency_of(out, "drain", drains, drains != NULL ? drains->count : 0, time_ns);
  }
  free(refills);
  free(drains);
}

/* The ends of killed processes are named apart. */
static void print_errors(FILE *out, const struct page *page) {
  uint64_t incidents = page->main->total->counters.hdr_reset, fails = 0;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) fails += page->main->total->cls[cls].counters.shared_fail;
  const uint64_t missing = (page->stats != NULL ? model_lost(&page->stats->lost) : 0) + (page->trace != NULL ? model_lost(&page->trace->lost) : 0);
  const uint64_t ends = page->stats != NULL ? page->stats->lost.incomplete : 0;
  char what[FORMAT_SIZE] = "none";
  if (missing > 0) strcpy(what, "yes");
  else if (ends > 0) snprintf(what, sizeof(what), "%" PRIu64 " end%s", ends, ends == 1 ? "" : "s");
  char *const line = must_print("Errors of the program: %" PRIu64 "; refusals of the shared pool: %" PRIu64 "; lost data: %s\n", incidents, fails, what);
  format_fitted(out, line);
  free(line);
}

/* ---- Findings ---- */

/* The text in lines of the screen's width, the last one cut. */
static void print_lines(FILE *out, const char *first, const char *text, unsigned lines) {
  const size_t indent = format_width(first);
  fputs(first, out);
  for (unsigned line = 1; line < lines && format_width(text) > screen_width - indent; line++) {
    size_t cut = 0;
    for (size_t i = 0, column = 0; text[i] != '\0' && column <= screen_width - indent; i++) {
      if (text[i] == ' ') cut = i;
      column += (text[i + 1] & 0xc0) != 0x80;
    }
    if (cut == 0) break;
    fprintf(out, "%.*s\n%*s", (int)cut, text, (int)indent, "");
    text += cut + 1;
  }
  print_cut(out, text, screen_width - indent);
}

static void print_finding(FILE *out, const struct finding *f, size_t number, bool colour) {
  char first[32];
  snprintf(first, sizeof(first), "  %zu. ", number);
  if (colour) fputs("\033[1m", out);
  print_lines(out, first, f->what, FINDING_LINES);
  if (colour) fputs("\033[0m", out);
  if (f->remedy_count == 0) return;
  const struct remedy *const r = &f->remedies[0];
  char *const text = r->option != NULL ? must_print("%s=%s", r->option, r->value) : must_copy(r->what);
  print_lines(out, "     -> ", text, 1);
  free(text);
}

/* "; 5 rules could not look: only 6 snapshots; 8 are needed". Whether leaks are looked for is the user's choice, so that rule does not count. */
static char *name_unlooked(const struct diagnosis *d) {
  size_t count = 0;
  bool is_short = true;
  for (size_t i = 0; i < d->look_count; i++) {
    if (d->looks[i].why_not == NULL || strcmp(d->looks[i].rule, "leaks") == 0) continue;
    is_short = is_short && d->looks[i].why_not == d->too_short;
    count++;
  }
  if (count == 0) return must_copy("");
  return must_print("; %zu rule%s could not look: %s", count, count == 1 ? "" : "s", is_short ? d->too_few : "`hakmem explain` says why");
}

static void print_findings(FILE *out, const struct diagnosis *d) {
  const size_t shown = d->finding_count < FINDINGS ? d->finding_count : FINDINGS;
  char *const unlooked = name_unlooked(d);
  char *const head = shown == 0 ? must_print("Findings: none%s", unlooked)
                                : must_print("Findings: %zu%s", d->finding_count,
                                             *unlooked != '\0'          ? unlooked
                                             : shown < d->finding_count ? "; those that cost most:"
                                                                        : "");
  print_cut(out, head, screen_width);
  free(head);
  free(unlooked);
  if (shown == 0) return;
  const bool colour = format_has_colour(out);
  for (size_t i = 0; i < shown; i++) print_finding(out, d->findings[i], i + 1, colour);
  format_fitted(out, "  `hakmem explain` gives the evidence and the effect of each change.\n");
}

void explain_first_screen(FILE *out, const struct diagnosis *d) {
  const struct page *const page = d->page;
  const struct model_process *const p = shown_process(page->memory);
  if (p == NULL) return;
  screen_width = format_columns(out);
  print_program(out, page, p);
  const bool is_one = model_process_count(page->main) <= 1;
  if (p->has_buckets) print_memory_of(out, p, is_one);
  else if (page->memory->source == SOURCE_STATS) print_memory_unknown(out, p);
  print_times(out, page, d->time_ns, is_one);
  print_errors(out, page);
  print_findings(out, d);
}
