/*
 * explain_errors.c: rules that come before all others: missing data, and a program that writes over the allocator's headers.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>

#include "common/escape.h"
#include "explain.h"
#include "common/memory.h"

#define PROCESSES_NAMED 3
#define PLACES_MAX 20 /* findings of one kind; a last one counts the others */

/* ---- Missing data. ---- */

/* The first processes that were killed, and what they did before. */
static void name_incomplete(struct finding *f, const struct diagnosis *d, const struct report *r) {
  unsigned named = 0;
  for (size_t i = 0; i < r->process_count && named < PROCESSES_NAMED; i++) {
    const struct model_process *const p = r->processes[i];
    if (p->state != PROCESS_CUT_SHORT) continue;
    char *const program = escape(p->program);
    if (p->snapshot_ns > 0) {
      char counts[FORMAT_SIZE], memory[FORMAT_SIZE];
      finding_evidence(f, "process %" PRIu32 " (%s) was killed; its counts are of %s after its start, its memory is of %s", p->pid, program,
                       format_ns(counts, (double)p->elapsed_ns), format_ns(memory, (double)p->snapshot_ns));
    } else {
      finding_evidence(f, "process %" PRIu32 " (%s) was killed before the first snapshot of its memory", p->pid, program);
    }
    explain_last_moments(f, d, p);
    free(program);
    named++;
  }
}

#define UNRECORDED_NAMED 5

static void name_unrecorded(struct finding *f, const struct unrecorded_list *list) {
  for (size_t i = 0; i < list->count && i < UNRECORDED_NAMED; i++) {
    char *const program = escape(list->entries[i].program), *const why = escape(list->entries[i].why);
    finding_evidence(f, "process %" PRIu32 ", %s, %s", list->entries[i].pid, program, why);
    free(program);
    free(why);
  }
}

/* Whether every process that was cut short was aborted after an error was found: the modes that stop at an error do that. A merge does not tell. */
static bool all_stopped_at_errors(const struct report *r) {
  uint64_t stopped = 0;
  for (size_t i = 0; i < r->process_count; i++) {
    const struct model_process *const p = r->processes[i];
    bool has_error = false;
    if (p->state != PROCESS_CUT_SHORT) continue;
    for (size_t n = 0; n < p->incident_count; n++) has_error = has_error || p->incidents[n].kind == INCIDENT_HDR_RESET;
    stopped += has_error && p->end_signal == SIGABRT;
  }
  return stopped == r->lost.incomplete;
}

static void advise_on_ends(struct finding *f, const struct report *r) {
  const bool many = r->lost.incomplete > 1;
  if (all_stopped_at_errors(r)) {
    finding_change(f, "Mend the error above. HAKMEM_ON_ERROR=report lets a program go on that hakmem stops at an error.");
  } else {
    finding_change(f,
                   "Let %s, or accept that what %s did after the last writing of %s statistics is missing, and at most one budget (4096 operations) of "
                   "each thread and class.",
                   many ? "the processes end by themselves" : "the process end by itself", many ? "they" : "it", many ? "their" : "its");
  }
  finding_effect(f, "exact counts");
}

static void tell_losses(struct diagnosis *d, const struct report *r) {
  const struct model_losses *const lost = r != NULL ? &r->lost : NULL;
  if (lost == NULL) return;
  const bool is_lost = model_lost(lost) > 0, is_end = !is_lost && model_lost_details(lost) == 0;
  if (is_end && lost->incomplete + lost->unended == 0) return;
  const bool trace = r->source == SOURCE_TRACE || lost->untraced > 0;
  struct finding *const f = finding_add(d, "lost_data", is_end ? FINDING_END : FINDING_DATA, NULL);
  const char *const of = trace ? "trace" : "statistics", *const end = trace ? "ends" : "end";
  if (is_lost) finding_what(f, "The %s lost some data: what follows may be incomplete.", of);
  else if (!is_end) finding_what(f, "The %s could not keep some details, because there was no room for them.", of);
  else if (model_has_merge(r) || lost->unended > 0)
    finding_what(f, "The %s of some processes %s before they did: their last operations may be missing.", of, end);
  else if (lost->incomplete > 1)
    finding_what(f, "The %s of %" PRIu64 " processes %s before they did: their last operations may be missing.", of, lost->incomplete, end);
  else finding_what(f, "The %s %s before the process did: its last operations may be missing.", of, end);
#define TELL_LOSS(name, text) \
  if (lost->name > 0) { \
    finding_evidence(f, "%s: %" PRIu64, text, lost->name); \
    finding_figure(f, #name, (double)lost->name); \
  }
  MODEL_LOSSES(TELL_LOSS)
  if (lost->events_discarded + lost->packets_discarded + lost->discards_uncounted > 0) {
    finding_change(f, "Record with larger buffers: hakmem record --buffer-size=8M --buffer-count=8.");
    finding_effect(f, "fewer events are discarded; this report counts them again");
  }
  if (lost->untraced > 0) {
    finding_change(f, "Record again, with a session daemon that runs until the program has ended, and enough room on the disk of the trace.");
    finding_effect(f, "%" PRIu64 " more events in the trace", lost->untraced);
  }
  if (lost->unrecorded > 0) name_unrecorded(f, &d->page->unrecorded);
  if (lost->incomplete > 0) {
    name_incomplete(f, d, r);
    advise_on_ends(f, r);
  }
}

/* A note: programs that set up another one call exec, and few want to know more of them. */
static void tell_called_exec(struct diagnosis *d, const struct report *r) {
  size_t count = 0;
  for (size_t i = 0; r != NULL && i < r->process_count; i++) count += r->processes[i]->has_called_exec;
  if (count == 0) return;
  struct finding *const f = finding_add(d, "lost_data", FINDING_NOTE, NULL);
  finding_what(f, "%zu program%s called exec: the statistics end before that.", count, count == 1 ? "" : "s");
  finding_figure(f, "programs", (double)count);
  for (size_t i = 0, named = 0; i < r->process_count && named < PROCESSES_NAMED; i++) {
    const struct model_process *const p = r->processes[i];
    if (!p->has_called_exec) continue;
    char counts[FORMAT_SIZE], memory[FORMAT_SIZE] = "unknown", *const program = escape(p->program);
    if (p->snapshot_ns > 0) snprintf(memory, sizeof(memory), "of %s", format_ns(counts, (double)p->snapshot_ns));
    finding_evidence(f, "process %" PRIu32 ", when it was %s: its counts are of %s after its start, its memory is %s", p->pid, program,
                     format_ns(counts, (double)p->elapsed_ns), memory);
    free(program);
    named++;
  }
}

const char *rule_lost_data(struct diagnosis *d) {
  tell_called_exec(d, d->page->stats);
  tell_losses(d, d->page->stats);
  tell_losses(d, d->page->trace);
  return NULL;
}

/* ---- Headers. ---- */

/* The first sentence, and the change to the program, by verdict. A verdict without a line of its own gets the first line. */
static const struct {
  const char *what, *change;
} advice[hdr_verdict_count] = {
  [HDR_UNKNOWN] = {"Something wrote over the header of a block",
                   "Run the program under Valgrind or AddressSanitizer: the place that found the write did not make it."},
  [HDR_DOUBLE_FREE] = {"A block was freed twice", "Free it once: set the pointer to NULL after free, or give it one owner."},
  [HDR_OFF_BY_ONE_NUL] = {"A string was written one byte past its buffer", "Allocate strlen(text) + 1 bytes, or cut the string to the buffer's size less one."},
  [HDR_OVERRUN_TEXT] = {"A string ran past the end of its buffer",
                        "Bound the copy by the buffer's size (snprintf, strnlen), or make the buffer as large as the text."},
  [HDR_OVERRUN_FILL] = {"A block was filled past its end", "Compare the length of the memset, or of the loop that fills, with the size of the allocation."},
  [HDR_MISROUTED] = {"A pointer was freed that does not point to the start of a block",
                     "Free the pointer that malloc returned, not one into the middle of the block."},
  [HDR_INVALID_POINTER] = {"An invalid pointer was freed: no block begins there",
                           "Free each pointer that malloc and its family return once, and no other pointer."},
  [HDR_WRITE_AFTER_FREE] = {"A block was written to after it was freed",
                            "Find the code that keeps the pointer after the free: drop the pointer there, or free the block later."},
  [HDR_OVERWRITTEN_LINK] = {"A block was written to after it was freed: hakmem's link in it was overwritten",
                            "Find the code that keeps the pointer after the free: HAKMEM_GUARD and HAKMEM_DEBUG tell where the block was freed."},
  [HDR_OVERRUN_POINTER] = {"A pointer was stored at the end of a block, half outside of it",
                           "Allocate one more element: n * sizeof(element), and n counts the last element, too."},
  [HDR_OVERRUN_COPY] = {"A copy or an array ran past the end of its block",
                        "Compare the length of the copy, or the last index, with the size of the allocation."},
  [HDR_STACK_POINTER] = {"A pointer to a variable on a stack was freed", "Free only pointers that malloc and its family returned."},
  [HDR_STATIC_POINTER] = {"A pointer to static data or code was freed", "Free only pointers that malloc and its family returned, never literals or globals."},
  [HDR_INTERIOR_POINTER] = {"A pointer into a block was freed", "Free the pointer that malloc returned: keep it, and advance a copy."},
  [HDR_FOREIGN_POINTER] = {"A pointer into memory that hakmem did not allocate was freed",
                           "Use the counterpart of the function that allocated it: munmap, or the library's own function."},
  [HDR_UNMAPPED_POINTER] = {"A pointer to unmapped memory was freed", "Look for an uninitialised or overwritten pointer at the place that freed it."},
  [HDR_REALLOC_AFTER_FREE] = {"A freed block was given to realloc", "Set the pointer to NULL after free, or give the block one owner."},
  [HDR_USABLE_SIZE_AFTER_FREE] = {"A freed block was given to malloc_usable_size", "Set the pointer to NULL after free, or give the block one owner."},
  [HDR_WRONG_SIZE] = {"A sized free was called with a wrong size", "Pass free_sized the size that was passed to malloc."},
  [HDR_OVERFLOW] = {"The program went past the end of a block", "Compare the index or the length at the place that was found with the size of the allocation."},
  [HDR_UNDERFLOW] = {"The program went before the start of a block",
                     "Look for an index below 0, or a pointer that is moved back too far, at the place that was found."},
  [HDR_MISMATCHED_FREE] = {"A block was freed by another family of functions than allocated it",
                           "Pair malloc with free, new with delete, and new[] with delete[]."},
  [HDR_USE_AFTER_FREE] = {"A block was used after it was freed",
                          "Find the code that keeps the pointer after the free: drop the pointer there, or free the block later."},
};

/* The same incident in several processes, by verdict and stack. */
struct place {
  const struct model_process *p;
  const struct stats_incident *i;
  uint64_t count, processes;
};

static void add_place(struct place **places, size_t *count, size_t *capacity, const struct model_process *p, const struct stats_incident *i) {
  for (size_t k = 0; k < *count; k++) {
    struct place *const old = &(*places)[k];
    if (!stats_incident_is_same(old->i, i)) continue;
    old->count += i->count;
    old->processes += old->p != p;
    return;
  }
  *places = must_grow(*places, *count, capacity, sizeof(**places));
  (*places)[(*count)++] = (struct place){p, i, i->count, 1};
}

static int by_count(const void *a, const void *b) {
  const struct place *const x = a, *const y = b;
  return x->count < y->count ? 1 : x->count > y->count ? -1 : x->i->time_ns < y->i->time_ns ? -1 : x->i->time_ns > y->i->time_ns;
}

static void tell_past(struct finding *f, struct diagnosis *d, const struct model_process *p, const char *what, uint64_t ago_ms, uint32_t stack) {
  char *const where = explain_place(d, p, stack);
  finding_evidence(f, "the block was %s %" PRIu64 " ms before%s%s", what, ago_ms, where != NULL ? " by " : "", where != NULL ? where : "");
  free(where);
}

/* A merge has the counts alone. */
static void tell_merged(struct finding *f, const struct place *place, unsigned verdict) {
  finding_what(f, "%s: %s, %" PRIu64 " time%s.", advice[verdict].what, model_hdr_verdict_name(place->i->hdr_reset.verdict), place->count,
               place->count == 1 ? "" : "s");
  finding_evidence(f, "a merge has no stacks and addresses: hakmem explain on the single runs tells the places");
  finding_figure(f, "count", (double)place->count);
  finding_figure(f, "verdict", place->i->hdr_reset.verdict);
  finding_change(f, "%s", advice[verdict].change);
  finding_effect(f, "no header reset of this kind");
}

static void tell_place(struct diagnosis *d, const struct place *place) {
  const struct event_hdr_reset *const e = &place->i->hdr_reset;
  const unsigned verdict = e->verdict < hdr_verdict_count && advice[e->verdict].what != NULL ? e->verdict : HDR_UNKNOWN;
  char class[EXPLAIN_CLASS];
  struct finding *const f = finding_add(d, "header_reset", FINDING_ERROR, place->p);
  finding_cost(f, COST_NONE, (double)place->count, 0);
  if (place->p->merge != NULL) return tell_merged(f, place, verdict);
  const bool has_class = e->cls < CLASS_ROWS; /* a block with a record of its own has none */
  finding_what(f, "%s: %s, %" PRIu64 " time%s%s%s.", advice[verdict].what, model_hdr_verdict_name(e->verdict), place->count, place->count == 1 ? "" : "s",
               has_class ? ", in " : "", has_class ? explain_class(class, e->cls) : "");
  if (e->way != ACCESS_UNSEEN) {
    finding_evidence(f, "%s at 0x%" PRIx64 ", %" PRIu64 " byte%s %s, 0x%" PRIx64 ", of %" PRIu64 " bytes", model_access_way_name(e->way), (uintptr_t)e->access,
                     e->over, e->over == 1 ? "" : "s", model_side(e->verdict), (uintptr_t)e->base, e->size);
  } else if (e->over != 0 && e->size != 0) {
    char byte[sizeof(": 0x00")] = "";
    if (e->got != e->expect) snprintf(byte, sizeof(byte), ": 0x%02x", e->got);
    finding_evidence(f, "a write up to %" PRIu64 " byte%s %s, 0x%" PRIx64 ", of %" PRIu64 " bytes%s", e->over, e->over == 1 ? "" : "s", model_side(e->verdict),
                     (uintptr_t)e->base, e->size, byte);
  } else if (model_is_header(e)) {
    finding_evidence(f, "the header of 0x%" PRIx64 " held 0x%02x instead of 0x%02x", (uintptr_t)e->base, e->got, e->expect);
  }
  if (e->left != NULL) finding_evidence(f, "the block before it, which ends there, is 0x%" PRIx64, (uintptr_t)e->left);
  if (e->over != 0 && e->size == 0 && e->way == ACCESS_UNSEEN)
    finding_evidence(f, "past that end, %" PRIu64 " byte%s the pattern", e->over, e->over == 1 ? " fits" : "s fit");
  if (e->verdict == HDR_MISMATCHED_FREE) {
    finding_evidence(f, "block 0x%" PRIx64 " was allocated by the family of %s, and freed by that of %s", (uintptr_t)e->base, model_block_family_name(e->made),
                     model_block_family_name(e->given));
  }
  if (e->verdict == HDR_OVERWRITTEN_LINK)
    finding_evidence(f, "in 0x%" PRIx64 ", 0x%" PRIx64 " stood in place of the link to the next free block", (uintptr_t)e->base, (uintptr_t)e->word);
  if (e->lost != 0) finding_evidence(f, "%" PRIu64 " free block%s abandoned, because only its link led there", e->lost, e->lost == 1 ? " was" : "s were");
  if (e->verdict == HDR_WRONG_SIZE) finding_evidence(f, "the size that the caller passed: %" PRIu64 " bytes", e->told);
  if (e->checked_ago != 0) {
    finding_evidence(f, "written between the check %" PRIu64 " allocation%s ago and its finding", e->checked_ago, e->checked_ago == 1 ? "" : "s");
  }
  if (e->good_thread != 0) finding_evidence(f, "its header was last seen good %" PRIu64 " ms before", e->good_ago_ms);
  char *const where = explain_place(d, place->p, e->stack);
  if (e->found == FOUND_AT_END) finding_evidence(f, "found by the check of all blocks at the end of the process; the program did not free this block");
  else if (where != NULL) finding_evidence(f, "found in a call by %s", where);
  else finding_evidence(f, "no stack is known (HAKMEM_STACKS=unwind takes stacks)");
  free(where);
  if (e->free_thread != 0) tell_past(f, d, place->p, "freed", e->free_ago_ms, e->free_stack);
  if (e->alloc_thread != 0) tell_past(f, d, place->p, "allocated", e->alloc_ago_ms, e->alloc_stack);
  char *const left = explain_place(d, place->p, e->left_stack);
  if (left != NULL) finding_evidence(f, "the block before it was allocated by %s", left);
  free(left);
  if (place->processes > 1) finding_evidence(f, "in %" PRIu64 " processes", place->processes);
  finding_figure(f, "count", (double)place->count);
  finding_figure(f, "verdict", e->verdict);
  finding_change(f, "%s", advice[verdict].change);
  if (e->way != ACCESS_UNSEEN) finding_effect(f, "no fault of this kind, which ends a program that does not handle it");
  else
    finding_effect(f, "no header reset of this kind. Until then, by default the program goes on without the block; with HAKMEM_DEBUG=1, HAKMEM_SECURE=1 or "
                      "HAKMEM_ON_ERROR=abort it stops at once");
}

const char *rule_header_reset(struct diagnosis *d) {
  struct place *places = NULL;
  size_t count = 0, capacity = 0;
  uint64_t told = 0;
  for (size_t k = 0; k < d->r->process_count; k++) {
    const struct model_process *const p = d->r->processes[k];
    for (size_t n = 0; n < p->incident_count; n++) {
      if (p->incidents[n].kind == INCIDENT_HDR_RESET) add_place(&places, &count, &capacity, p, &p->incidents[n]);
    }
  }
  if (count > 1) qsort(places, count, sizeof(*places), by_count);
  for (size_t k = 0; k < count && k < PLACES_MAX; k++) {
    tell_place(d, &places[k]);
    told += places[k].count;
  }
  free(places);
  const uint64_t all = d->r->total->counters.hdr_reset;
  if (all > told) {
    struct finding *const f = finding_add(d, "header_reset", FINDING_ERROR, NULL);
    finding_what(f, "%" PRIu64 " more headers were found wrong.", all - told);
    finding_evidence(f, "%" PRIu64 " header resets in all; these have no details here (hakmem report --all lists every incident that has)", all);
    finding_figure(f, "count", (double)(all - told));
  }
  const struct stats_counters *const c = &d->r->total->counters;
  if (c->end_checked < c->end_blocks) return "there were too many headers at the end of the process: only those of a sample were checked";
  return NULL;
}
