/*
 * print_text.c: the page as text: head, losses, processes, counters, the cross-check of trace and statistics files. The other sections have files of
 * their own.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/format.h"
#include "common/memory.h"
#include "report/print.h"
#include "report/untraced.h"

void print_more(FILE *out, const struct page *page, size_t shown, size_t there_are, const char *one, const char *many) {
  const size_t rest = there_are - shown;
  if (!page->all && there_are > shown) fprintf(out, "  (%zu more %s: --all shows %s)\n", rest, rest == 1 ? one : many, rest == 1 ? "it" : "them");
}

/* ---- Head and losses ---- */

static void print_merges(FILE *out, const struct report *r) {
  char what[MODEL_MERGE];
  for (size_t i = 0; i < r->process_count; i++) {
    if (r->processes[i]->merge != NULL) fprintf(out, "  merged: %s\n", model_merge_text(r->processes[i]->merge, what));
  }
}

static void print_head(FILE *out, const struct page *page) {
  char *const path = escape(page->path);
  char buffer[FORMAT_SIZE];
  fprintf(out, "hakmem report: %s\n", path);
  free(path);
  if (page->trace != NULL) {
    const struct report *const t = page->trace;
    fprintf(out, "  trace: %" PRIu64 " events of %zu process%s", t->events, t->process_count, t->process_count == 1 ? "" : "es");
    if (t->host_count > 1) fprintf(out, " on %zu hosts\n", t->host_count);
    else fprintf(out, " in %s\n", format_ns(buffer, (double)(t->end_ns - t->start_ns)));
  }
  if (page->stats != NULL) {
    const size_t count = model_process_count(page->stats);
    fprintf(out, "  statistics of %zu process%s\n", count, count == 1 ? "" : "es");
    print_merges(out, page->stats);
  }
}

static bool print_losses_of(FILE *out, const struct model_losses *lost) {
  bool any = false;
#define PRINT_LOSS(name, text) \
  if (lost->name > 0) { \
    if (!any) fputs("       count  what\n", out); \
    fprintf(out, "  %10" PRIu64 "  %s\n", lost->name, text); \
    any = true; \
  }
  MODEL_LOSSES(PRINT_LOSS)
  return any;
}

static bool calls_exec(const struct report *r) {
  bool any = false;
  for (size_t i = 0; r != NULL && i < r->process_count; i++) any = any || r->processes[i]->has_called_exec;
  return any;
}

/* Moves the events out of `lost` that are no loss: those from before the session, and those that the counters have. */
static struct model_losses take_unlost(struct model_losses *lost) {
  const struct model_losses taken = {.early_missed = lost->early_missed, .reentered = lost->reentered};
  lost->early_missed = lost->reentered = 0;
  return taken;
}

void print_losses(FILE *out, const struct page *page) {
  fputs("\nLost\n", out);
  struct model_losses trace = {0}, stats = {0};
  if (page->trace != NULL) trace = page->trace->lost;
  if (page->stats != NULL) stats = page->stats->lost;
  const struct model_losses unlost[] = {take_unlost(&trace), take_unlost(&stats)};
  const bool any_of_trace = print_losses_of(out, &trace), any_of_stats = print_losses_of(out, &stats);
  if (!any_of_trace && !any_of_stats) fprintf(out, "  nothing%s\n", calls_exec(page->stats) ? ", but for the ends of programs that called exec" : "");
  if (unlost[0].early_missed + unlost[0].reentered + unlost[1].early_missed + unlost[1].reentered > 0) fputs("  not in the trace, but not lost\n", out);
  for (size_t i = 0; i < 2; i++) print_losses_of(out, &unlost[i]);
  if (page->trace != NULL && page->trace->lost.events_discarded > 0) {
    fputs("  What follows lacks the discarded events; larger buffers (hakmem record --buffer-size) lose fewer.\n", out);
  }
  const struct report *const of = page->trace != NULL ? page->trace : page->stats;
  if (of != NULL && of->lost.untraced > 0) {
    fprintf(out, "  The trace lacks %" PRIu64 " of the %" PRIu64 " events that the statistics count: %.1f %%.\n", of->lost.untraced, of->counted,
            100.0 * (double)of->lost.untraced / (double)of->counted);
  }
  if (page->trace != NULL && page->trace->latency.ticks) {
    fputs("  Latencies are in clock ticks: the trace has no event `hakmem:process` that tells how long a tick is.\n", out);
  }
}

/* The texts are escaped in the file, and once more here, because any user may have written the file. */
void print_unrecorded(FILE *out, const struct page *page) {
  const struct unrecorded_list *const list = &page->unrecorded;
  const size_t shown = page->all || list->count < PRINT_ROWS ? list->count : PRINT_ROWS;
  if (list->count == 0) return;
  fputs("\nNot recorded\n", out);
  const size_t program_shown = format_columns(out) / 3;
  struct table *const t = table_create("rll");
  table_cell(t, "pid"), table_cell(t, "program"), table_cell(t, "why");
  for (size_t i = 0; i < shown; i++) {
    char *const program = escape(list->entries[i].program), *const why = escape(list->entries[i].why);
    const size_t width = format_width(program);
    table_cell(t, "%" PRIu32, list->entries[i].pid);
    table_cell(t, "%s%s", width > program_shown ? "..." : "", width > program_shown ? program + strlen(program) - program_shown : program);
    table_cell(t, "%s", why);
    free(program);
    free(why);
  }
  table_print(t, out, 2);
  print_more(out, page, shown, list->count, "process", "processes");
  fputs("  Processes that lived for less than some 10 ms may be missing in this list.\n", out);
}

/* ---- Processes ---- */

#define PROGRAM_WIDTH 40
#define AT_LEAST "\xe2\x89\xa5" /* greater or equal */

/* Whether the same process id may be there twice. */
static bool has_hosts(const struct page *page) { return page->trace != NULL && page->trace->host_count > 1; }

static void add_process(struct table *t, const struct page *page, const struct model_process *p, bool operations) {
  char host[MODEL_HOST], a[FORMAT_SIZE], b[FORMAT_SIZE], state[MODEL_STATE], time[MODEL_TIME];
  char *const program = escape(*p->program != '\0' ? p->program : "?");
  if (has_hosts(page)) {
    char *const name = escape(model_host_name(page->trace, p->host, host));
    table_cell(t, "%s", name);
    free(name);
  }
  if (p->merge != NULL) table_cell(t, "-");
  else table_cell(t, "%" PRIu32, p->pid);
  if (p->parent_pid != 0) table_cell(t, "%" PRIu32, p->parent_pid);
  else table_cell(t, "-");
  const bool is_cut = operations && model_is_cut(p);
  const char *const least = is_cut ? AT_LEAST : "";
  if (is_cut && p->lived_ns == 0 && p->elapsed_ns == 0) table_cell(t, "%s", format_count(a, UNKNOWN));
  else table_cell(t, "%s", operations ? model_ran_for(p, AT_LEAST, time) : format_ns(a, (double)p->elapsed_ns));
  table_cell(t, "%s%s", least, format_count(a, operations ? model_sum_allocs(p->counts) : UNKNOWN));
  table_cell(t, "%s%s", least, format_count(a, operations ? model_sum_frees(p->counts) : UNKNOWN));
  table_cell(t, "%s%s", p->rss_max_is_whole || p->rss_max == UNKNOWN ? "" : least, format_bytes(b, p->rss_max));
  table_cell(t, "%s", operations ? model_state(p, state) : "-");
  table_cell(t, "%s%s", format_width(program) > PROGRAM_WIDTH ? "..." : "",
             format_width(program) > PROGRAM_WIDTH ? program + strlen(program) - PROGRAM_WIDTH : program);
  free(program);
}

/* A process, and whether its operations were counted: a trace does not have all of them. */
struct listed {
  const struct model_process *p;
  bool operations;
};

static int by_weight(const void *a, const void *b) {
  const struct model_process *const x = ((const struct listed *)a)->p, *const y = ((const struct listed *)b)->p;
  const uint64_t p = x->rss_max != UNKNOWN ? x->rss_max : 0, q = y->rss_max != UNKNOWN ? y->rss_max : 0;
  return p < q ? 1 : p > q ? -1 : x->pid < y->pid ? -1 : x->pid > y->pid;
}

/* The processes of the statistics files, and those that only the trace has. The caller frees the list. */
static struct listed *list_processes(const struct page *page, size_t *count) {
  const struct report *const sources[] = {page->stats, page->trace};
  size_t capacity = 0;
  struct listed *list = NULL;
  *count = 0;
  for (size_t s = 0; s < 2; s++) {
    for (size_t i = 0; sources[s] != NULL && i < sources[s]->process_count; i++) {
      const struct model_process *const p = sources[s]->processes[i];
      if (s == 1 && model_find_process(page->stats, p->host, p->pid) != NULL) continue;
      list = must_grow(list, *count, &capacity, sizeof(*list));
      list[(*count)++] = (struct listed){p, s == 0};
    }
  }
  if (*count > 1) qsort(list, *count, sizeof(*list), by_weight);
  return list;
}

void print_alive(FILE *out, const struct report *r) {
  size_t alive = 0, present = 0;
  const struct model_process *oldest = NULL;
  for (size_t i = 0; r->source == SOURCE_STATS && i < r->process_count; i++) {
    const struct model_process *const p = r->processes[i];
    if (!model_is_alive(p)) continue;
    alive++;
    present += p->is_present;
    if (oldest == NULL || oldest->is_present || (!p->is_present && p->age_ns > oldest->age_ns)) oldest = p;
  }
  char as_of[MODEL_AS_OF];
  if (alive == 1) {
    fprintf(out, "  1 of them still runs: it is shown %s\n", model_as_of(oldest, as_of));
  } else if (present == alive && alive > 0) {
    fprintf(out, "  %zu of them still run: they are shown as they are now (read from their memory)\n", alive);
  } else if (alive > 0) {
    fprintf(out, "  %zu of them still run: %zu are shown as they are now (read from their memory), the others at the oldest %s\n", alive, present,
            model_as_of(oldest, as_of));
  }
}

/* How the processes of a merge ended, and what their figures are. */
static void print_merge(FILE *out, const struct model_merge *merge) {
  char what[MODEL_MERGE], time[FORMAT_SIZE], *line = must_print("%s:", model_merge_text(merge, what));
  bool any = false;
#define PROCESS_STATE_TEXT(constant, name) name,
  static const char *const names[] = {PROCESS_STATES(PROCESS_STATE_TEXT)};
  for (unsigned state = 0; state < PROCESS_STATE_COUNT; state++) {
    if (merge->state[state] == 0) continue;
    char *const longer = must_print("%s%s %" PRIu64 " %s", line, any ? "," : "", merge->state[state], names[state]);
    free(line);
    line = longer;
    any = true;
  }
  char *const whole = must_print("%s; of the programs, %" PRIu64 " failed and %" PRIu64 " were killed. The longest ran for %s. Counts and memory are sums, the "
                                 "peak is that of the largest process. A merge has no stacks, call sites, threads and timelines: their addresses and times "
                                 "belong to one process.%s",
                                 line, merge->failed, merge->killed, format_ns(time, (double)merge->longest_ns),
                                 merge->has_overflowed ? " Some sums would be above 2^64 - 1 and stay there." : "");
  format_wrapped(out, "  ", whole);
  free(whole);
  free(line);
}

/* Most programs that call exec at once are wrappers. */
static void print_programs_before(FILE *out, const struct report *r) {
  uint64_t count = 0;
  for (size_t i = 0; i < r->process_count; i++) count += r->processes[i]->programs_replaced;
  if (count == 0) return;
  char *const line = must_print("%" PRIu64 " program%s of these processes called exec before %s statistics were written, and left none.", count,
                                count == 1 ? "" : "s", count == 1 ? "its" : "their");
  format_wrapped(out, "  ", line);
  free(line);
}

void print_processes(FILE *out, const struct page *page) {
  size_t count;
  struct listed *const list = list_processes(page, &count);
  const size_t shown = page->all || count < PRINT_ROWS ? count : PRINT_ROWS;
  fputs("\nProcesses\n", out);
  struct table *const t = table_create(has_hosts(page) ? "lrRrRRrll" : "rRrRRrll");
  static const char *const heads[] = {"pid", "parent", "ran for", "allocs", "frees", "peak RSS", "state", "program"};
  if (has_hosts(page)) table_cell(t, "host");
  for (size_t i = 0; i < sizeof(heads) / sizeof(heads[0]); i++) table_cell(t, "%s", heads[i]);
  for (size_t i = 0; i < shown; i++) add_process(t, page, list[i].p, list[i].operations);
  table_print(t, out, 2);
  print_more(out, page, shown, count, "process", "processes");
  if (page->stats != NULL) print_alive(out, page->stats);
  bool any_cut = false;
  for (size_t i = 0; i < shown; i++) {
    if (list[i].p->merge != NULL) print_merge(out, list[i].p->merge);
    any_cut = any_cut || (list[i].operations && model_is_cut(list[i].p));
  }
  free(list);
  if (any_cut) {
    format_wrapped(out, "  ",
                   AT_LEAST ": the process was killed, or called exec. Its counts are those of the last writing of its statistics, and its memory is that of "
                            "its last snapshot. What came after them is missing.");
  }
  if (page->stats != NULL) print_programs_before(out, page->stats);
}

static void print_settings(FILE *out, const struct report *r) {
  for (size_t i = 0; i < r->process_count; i++) {
    const struct model_process *const p = r->processes[i];
    if (!p->has_settings) continue;
    char size[FORMAT_SIZE], limit[FORMAT_SIZE] = "no limit", drain[FORMAT_SIZE] = "never", timed[FORMAT_SIZE] = "nothing is timed";
    char *const version = escape(p->version), *const build_id = escape(p->build_id);
    if (p->superslab_limit > 0) snprintf(limit, sizeof(limit), "at most %" PRIu64, p->superslab_limit);
    if (p->drain_interval > 0) snprintf(drain, sizeof(drain), "every %" PRIu64 " frees", p->drain_interval);
    if (p->sample > 0) snprintf(timed, sizeof(timed), "at most 1 operation in %" PRIu64 " is timed", p->sample);
    if (p->full_tracing) strcpy(timed, "every operation is timed");
    fprintf(out, "  hakmem %s%s%s%sSuperSlabs of %s, %s; lookup by %s;\n  drain %s; %s\n", version, build_id[0] != '\0' ? " (build id " : "", build_id,
            build_id[0] != '\0' ? ");\n  " : "; ", format_bytes(size, p->superslab_size), limit, model_lookup_strategy_name(p->strategy), drain, timed);
    free(version);
    free(build_id);
    return;
  }
  if (model_has_merge(r)) fputs("  the settings of the processes differ\n", out);
}

/* ---- What happened ---- */

static void add_happening(struct table *t, uint64_t count, uint64_t whole, const char *name, const char *meaning) {
  char share[FORMAT_SIZE];
  if (count == 0) return;
  const size_t length = strlen(name);
  const bool bytes = length > 6 && strcmp(name + length - 6, "_bytes") == 0;
  table_cell(t, "%s", bytes ? format_bytes(share, count) : format_count(share, count));
  table_cell(t, "%s", whole > 0 ? format_percent(share, (double)count, (double)whole) : "");
  table_cell(t, "%s", name);
  table_cell(t, "%s", meaning);
}

void print_counts(FILE *out, const struct page *page) {
  struct stats_class_counters sum = {0};
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    const struct stats_class_counters *const c = &page->main->total->cls[cls].counters;
#define ADD_COUNTER(name, text) sum.name += c->name;
    STATS_CLASS_COUNTERS(ADD_COUNTER)
  }
  const bool operations = page->memory->source == SOURCE_STATS;
  fputs("\nWhat happened\n", out);
  struct table *const t = table_create("rrll");
  if (operations) {
    add_happening(t, model_sum_allocs(page->memory->total), 0, "allocs", "blocks handed out");
    add_happening(t, model_sum_frees(page->memory->total), 0, "frees", "blocks that were freed");
  }
  const uint64_t refills = stats_refills(&sum), drains = stats_drains(&sum);
#define IS_REFILL(name) (strncmp(#name, "refill_", 7) == 0 && strcmp(#name, "refill_blocks") != 0)
#define IS_DRAIN(name) (strncmp(#name, "drain_", 6) == 0 && strcmp(#name, "drain_blocks") != 0 && strcmp(#name, "drain_slabs") != 0)
#define IS_OPERATION(name) (strcmp(#name, "allocs") == 0 || strcmp(#name, "frees") == 0)
#define IS_SAMPLE(name) (strncmp(#name, "request_", 8) == 0)
#define ADD_HAPPENING(name, text) \
  if (!IS_OPERATION(name) && !IS_SAMPLE(name)) add_happening(t, sum.name, IS_REFILL(name) ? refills : IS_DRAIN(name) ? drains : 0, #name, text);
  STATS_CLASS_COUNTERS(ADD_HAPPENING)
#define ADD_PROCESS_HAPPENING(name, text) \
  if (strcmp(#name, "hdr_reset") != 0) add_happening(t, page->main->total->counters.name, 0, #name, text);
  STATS_COUNTERS(ADD_PROCESS_HAPPENING)
  table_print(t, out, 2);
}

/* ---- Trace against statistics files ---- */

static void add_check(struct table *t, const char *name, uint64_t trace, uint64_t stats, bool *equal) {
  table_cell(t, "%s", name);
  table_cell(t, "%" PRIu64, trace);
  table_cell(t, "%" PRIu64, stats);
  if (trace == stats) table_cell(t, "equal");
  else if (trace < stats) table_cell(t, "%" PRIu64 " not in the trace", stats - trace), *equal = false;
  else table_cell(t, "%" PRIu64 " not in the statistics", trace - stats), *equal = false;
}

/* Both saw every event of these kinds. The trace lacks events that were lost, or that happened when no tracer could take them. */
void print_comparison(FILE *out, const struct page *page) {
  if (page->trace == NULL || page->stats == NULL) return;
  const struct compared_sums traced = compared_sums(page->trace->total), counted = compared_sums(page->stats->total);
  bool equal = true;
  fputs("\nThe trace against the statistics\n", out);
  struct table *const t = table_create("lrrl");
  table_cell(t, "%s", ""), table_cell(t, "trace"), table_cell(t, "statistics"), table_cell(t, "%s", "");
#define ADD_CHECK(name, text) add_check(t, text, traced.of[COMPARED_##name], counted.of[COMPARED_##name], &equal);
  COMPARED_EVENTS(ADD_CHECK)
  table_print(t, out, 2);
  if (!equal) fputs("  What only the statistics have was lost (see above), or happened without a tracer: at the very end.\n", out);
}

/* ---- All sections. ---- */

#define SECTION_ENTRY(name, what) {#name, what, print_##name},
static const struct section {
  const char *name, *what;
  void (*print)(FILE *out, const struct page *page);
} sections[] = {PRINT_SECTIONS(SECTION_ENTRY)};
#define SECTIONS (sizeof(sections) / sizeof(sections[0]))

static void print_sections(FILE *out, const struct page *page, const struct section *first, size_t count) {
  if (count == SECTIONS) print_head(out, page), print_settings(out, page->memory);
  for (size_t i = 0; i < count; i++) first[i].print(out, page);
  print_replaced(out);
  if (table_left_out()) fputs("\nSome tables lack columns that do not fit; COLUMNS=120 shows them.\n", out);
}

/* The same in lines that the page holds. */
static void print_fitted(FILE *out, const struct page *page, const struct section *first, size_t count) {
  char *text = NULL;
  size_t size;
  FILE *const memory = open_memstream(&text, &size);
  if (memory == NULL) return print_sections(out, page, first, count);
  print_sections(memory, page, first, count);
  fclose(memory);
  format_fitted(out, text);
  free(text);
}

bool print_section(FILE *out, const struct page *page, const char *name) {
  for (size_t i = 0; i < SECTIONS; i++) {
    if (strcmp(sections[i].name, name) != 0) continue;
    if (page == NULL) return true;
    print_fitted(out, page, &sections[i], 1);
    return true;
  }
  return false;
}

void print_section_names(FILE *out) {
  struct table *const t = table_create("ll");
  for (size_t i = 0; i < SECTIONS; i++) table_cell(t, "%s", sections[i].name), table_cell(t, "%s", sections[i].what);
  table_print(t, out, 2);
}

void print_text(FILE *out, const struct page *page) { print_fitted(out, page, sections, SECTIONS); }
