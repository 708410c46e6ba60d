/*
 * print_incidents.c: shared_fails and header resets: how many, what is known of each, and its stacks.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/format.h"
#include "common/memory.h"
#include "report/print.h"
#include "model/symbolize.h"

#define FRAMES_SHOWN 12
#define INCIDENTS_SHOWN 5

/* %b the pointer, %B the block with its size if that is known, %l the left neighbour. */
static const char *const verdicts[] = {
  [HDR_UNKNOWN] = "overwritten header of the block at %b: its bytes fit no known pattern",
  [HDR_DOUBLE_FREE] = "double free of %B",
  [HDR_OFF_BY_ONE_NUL] = "buffer overflow: a NUL, probably the end of a string, one byte past the end of %l",
  [HDR_OVERRUN_TEXT] = "buffer overflow: text past the end of %l",
  [HDR_OVERRUN_FILL] = "buffer overflow: one byte repeated past the end of %l",
  [HDR_MISROUTED] = "wrong header of the block at %b: the header of another class was copied or written there",
  [HDR_INVALID_POINTER] = "invalid pointer %b: it points into hakmem's memory, where no block begins",
  [HDR_WRITE_AFTER_FREE] = "write after free, into %B",
  [HDR_OVERRUN_POINTER] = "buffer overflow: a pointer over the last byte, which is hakmem's, of %l",
  [HDR_OVERRUN_COPY] = "buffer overflow: a copy or an array of equal elements past the end of %l",
  [HDR_STACK_POINTER] = "invalid pointer %b: it points to a stack",
  [HDR_STATIC_POINTER] = "invalid pointer %b: it points to static data or code",
  [HDR_INTERIOR_POINTER] = "invalid pointer %b: it points into a block, not to its start",
  [HDR_FOREIGN_POINTER] = "invalid pointer %b: hakmem did not map that memory",
  [HDR_UNMAPPED_POINTER] = "invalid pointer %b: no memory is mapped there",
  [HDR_REALLOC_AFTER_FREE] = "realloc after free of %B",
  [HDR_USABLE_SIZE_AFTER_FREE] = "malloc_usable_size after free of %B",
  [HDR_WRONG_SIZE] = "wrong size in a sized free of %B",
  [HDR_OVERFLOW] = "buffer overflow: an access past the end of %B",
  [HDR_UNDERFLOW] = "buffer underflow: an access before the start of %B",
  [HDR_OVERWRITTEN_LINK] = "write after free: the link that hakmem keeps in a free block was overwritten, at %b",
  [HDR_MISMATCHED_FREE] = "mismatched free of %B",
  [HDR_USE_AFTER_FREE] = "use after free of %B",
};
static_assert(sizeof(verdicts) / sizeof(verdicts[0]) == hdr_verdict_count, "every verdict has a sentence");

static void print_verdict(FILE *out, const struct event_hdr_reset *e) {
  for (const char *s = verdicts[e->verdict < hdr_verdict_count ? e->verdict : HDR_UNKNOWN]; *s != '\0'; s++) {
    if (*s != '%') {
      fputc(*s, out);
      continue;
    }
    switch (*++s) {
      case 'B':
        if (e->size != 0) fprintf(out, "a %" PRIu64 "-byte block at 0x%" PRIxPTR, e->size, (uintptr_t)e->base);
        else fprintf(out, "a block at 0x%" PRIxPTR, (uintptr_t)e->base);
        break;
      case 'l':
        if (e->left != NULL) fprintf(out, "the block at 0x%" PRIxPTR, (uintptr_t)e->left);
        else fputs("the memory before the slab's first block", out);
        break;
      default: fprintf(out, "0x%" PRIxPTR, (uintptr_t)e->base);
    }
  }
}

/* ---- Stacks ---- */

/* The first frames are the library's own, the same in every stack: they become one line. */
static void print_stack(FILE *out, const struct page *page, struct symbolizer *symbolizer, const struct model_stack *stack) {
  const uint32_t limit = page->all || stack->frame_count < FRAMES_SHOWN ? stack->frame_count : FRAMES_SHOWN;
  unsigned own = 0;
  for (uint32_t i = 0; i < limit; i++) {
    struct symbol symbols[SYMBOLS_MAX];
    const size_t count = symbolize(symbolizer, stack->frames[i], stack->epoch, true, symbols);
    if (!page->all && own == i && symbol_is_own(&symbols[0])) {
      own++;
      continue;
    }
    if (own == i && own > 0) fprintf(out, "      (%u frame%s of " OWN_LIBRARY ")\n", own, own == 1 ? "" : "s");
    for (size_t k = 0; k < count; k++) {
      fputs("      ", out);
      print_symbol(out, &symbols[k], stack->frames[i]);
      fputc('\n', out);
    }
  }
  if (own > 0 && own == limit) fprintf(out, "      (%u frame%s of " OWN_LIBRARY ")\n", own, own == 1 ? "" : "s");
  const unsigned rest = stack->frame_count - limit;
  if (rest > 0) fprintf(out, "      (%u more frame%s: --all shows %s)\n", rest, rest == 1 ? "" : "s", rest == 1 ? "it" : "them");
  if (stack->is_cut) fprintf(out, "      (stack cut at %u frames)\n", stack->frame_count);
}

/* ---- Incidents ---- */

static void print_shared_fail(FILE *out, uint64_t count, const struct event_shared_fail *e) {
  char name[MODEL_CLASS_NAME];
  fprintf(out, "  %" PRIu64 " time%s, class %s, reason %s: %u SuperSlab%s active", count, count == 1 ? "" : "s", model_class_name(e->cls, name),
          model_fail_reason_name(e->reason), e->active, e->active == 1 ? "" : "s");
  if (e->limit > 0) fprintf(out, " of at most %u", e->limit);
  fprintf(out, "\n    %u unit%s wanted, %u %s free", e->units, e->units == 1 ? "" : "s", e->free_slabs, e->free_slabs == 1 ? "was" : "were");
  if (e->error != 0) fprintf(out, "; the system's error: %s", strerror((int)e->error));
  fprintf(out,
          "\n    free blocks of this class: %" PRIu64 " in lists of the thread, %" PRIu64 " in those of other threads, %" PRIu64 " in batches, %" PRIu64
          " in partial slabs\n",
          e->own, e->others, e->batched, e->partial);
  if (e->idle_bytes == 0) return;
  char bytes[FORMAT_SIZE], share[FORMAT_SIZE], most[FORMAT_SIZE];
  fprintf(out, "    free in slabs of all classes: %s, %s of them; most by class %s: %s\n", format_bytes(bytes, e->idle_bytes),
          format_percent(share, (double)e->idle_bytes, (double)e->slab_bytes), model_class_name(e->holder, name), format_bytes(most, e->holder_idle));
}

static void print_hdr_reset(FILE *out, uint64_t count, const struct event_hdr_reset *e) {
  char name[MODEL_CLASS_NAME];
  const unsigned verdict = e->verdict < hdr_verdict_count ? e->verdict : HDR_UNKNOWN;
  fputs("  ", out);
  print_verdict(out, e);
  fprintf(out, " (%s)\n", model_hdr_verdict_name(verdict));
  fprintf(out, "    %" PRIu64 " time%s, class %s, base 0x%" PRIx64, count, count == 1 ? "" : "s", model_class_name(e->cls, name), (uintptr_t)e->base);
  if (model_is_header(e)) fprintf(out, ": got 0x%02x, expected 0x%02x", e->got, e->expect);
  if (e->left != NULL) fprintf(out, "; the left neighbour is 0x%" PRIx64, (uintptr_t)e->left);
  fputc('\n', out);
  if (e->way != ACCESS_UNSEEN) {
    fprintf(out, "    %s at 0x%" PRIx64 ", %" PRIu64 " byte%s %s of %" PRIu64 " bytes\n", model_access_way_name(e->way), (uintptr_t)e->access, e->over,
            e->over == 1 ? "" : "s", model_side(e->verdict), e->size);
  } else if (e->over != 0 && e->size != 0) {
    fprintf(out, "    a write up to %" PRIu64 " byte%s %s of %" PRIu64 " bytes", e->over, e->over == 1 ? "" : "s", model_side(e->verdict), e->size);
    if (e->got != e->expect) fprintf(out, ": 0x%02x", e->got);
    fputc('\n', out);
  } else if (e->over != 0) fprintf(out, "    past that end: %" PRIu64 " byte%s the pattern\n", e->over, e->over == 1 ? " fits" : "s fit");
  if (e->verdict == HDR_MISMATCHED_FREE) {
    fprintf(out, "    allocated by the family of %s, freed by that of %s\n", model_block_family_name(e->made), model_block_family_name(e->given));
  }
  if (e->verdict == HDR_WRONG_SIZE) fprintf(out, "    the size that the caller passed: %" PRIu64 " bytes\n", e->told);
  if (e->verdict == HDR_OVERWRITTEN_LINK) fprintf(out, "    found in place of the link: 0x%" PRIx64 "\n", (uintptr_t)e->word);
  if (e->lost != 0) fprintf(out, "    abandoned: %" PRIu64 " free block%s, to which only its link led\n", e->lost, e->lost == 1 ? "" : "s");
  if (e->found == FOUND_AT_END) fputs("    found by the check of all blocks at the end of the process\n", out);
  if (e->checked_ago != 0) {
    fprintf(out, "    written between the check %" PRIu64 " allocation%s ago and its finding%s\n", e->checked_ago, e->checked_ago == 1 ? "" : "s",
            e->found == FOUND_BY_CHECK ? ", by a check of the debugging mode" : "");
  }
  if (e->good_thread != 0) {
    fprintf(out, "    its header was last seen good %" PRIu64 " ms before, by thread %" PRIu32 ", when a list was drained\n", e->good_ago_ms, e->good_thread);
  }
}

void print_stack_of(FILE *out, const struct page *page, const struct model_process *p, uint32_t id) {
  if (id == 0) {
    fputs("    no stack was taken (HAKMEM_STACKS=unwind takes stacks)\n", out);
    return;
  }
  const struct report *const other = page->main == page->trace ? page->stats : NULL;
  const struct model_process *owner;
  const struct model_stack *const stack = model_stack_of(page->main, other, p, id, &owner);
  if (stack == NULL) {
    fprintf(out, "    its stack (id %u) is not in the data\n", id);
    return;
  }
  struct symbolizer *const symbolizer = symbolizer_create(model_find_process(page->main, owner->host, owner->pid) == owner ? page->main : other, owner);
  print_stack(out, page, symbolizer, stack);
  symbolizer_destroy(symbolizer);
}

/* The earlier life of the block: its free and its allocation, and its left neighbour's. */
static void print_past(FILE *out, const struct page *page, const struct model_process *p, const struct event_hdr_reset *e) {
  if (e->free_thread != 0) {
    fprintf(out, "    freed %" PRIu64 " ms before, by thread %" PRIu32 "\n", e->free_ago_ms, e->free_thread);
    print_stack_of(out, page, p, e->free_stack);
  }
  if (e->alloc_thread != 0) {
    fprintf(out, "    allocated %" PRIu64 " ms before, by thread %" PRIu32 "\n", e->alloc_ago_ms, e->alloc_thread);
    print_stack_of(out, page, p, e->alloc_stack);
  }
  if (e->left_stack == 0) return;
  fputs("    the left neighbour was allocated\n", out);
  print_stack_of(out, page, p, e->left_stack);
}

struct listed {
  const struct model_process *p;
  const struct stats_incident *i;
};

static int by_count(const void *a, const void *b) {
  const struct listed *const x = a, *const y = b;
  if (x->i->count != y->i->count) return x->i->count < y->i->count ? 1 : -1;
  return x->i->time_ns < y->i->time_ns ? -1 : x->i->time_ns > y->i->time_ns;
}

/* The incidents of one kind in all processes, the most frequent first; the caller frees the list. */
static struct listed *list_incidents(const struct report *r, enum stats_incident_kind kind, size_t *count) {
  struct listed *list = NULL;
  size_t capacity = 0;
  *count = 0;
  for (size_t k = 0; k < r->process_count; k++) {
    const struct model_process *const p = r->processes[k];
    for (size_t n = 0; n < p->incident_count; n++) {
      if (p->incidents[n].kind != (uint32_t)kind) continue;
      list = must_grow(list, *count, &capacity, sizeof(*list));
      list[(*count)++] = (struct listed){p, &p->incidents[n]};
    }
  }
  if (*count > 1) qsort(list, *count, sizeof(*list), by_count);
  return list;
}

/* A merge has the counts alone. */
static void print_merged(FILE *out, const struct stats_incident *i) {
  fprintf(out, "  %" PRIu64 " time%s: %s\n", i->count, i->count == 1 ? "" : "s", model_hdr_verdict_name(i->hdr_reset.verdict));
}

static void print_kind(FILE *out, const struct page *page, enum stats_incident_kind kind) {
  size_t count;
  struct listed *const list = list_incidents(page->main, kind, &count);
  const size_t shown = page->all || count < INCIDENTS_SHOWN ? count : INCIDENTS_SHOWN;
  for (size_t n = 0; n < shown; n++) {
    const struct stats_incident *const i = list[n].i;
    if (list[n].p->merge != NULL) {
      print_merged(out, i);
      continue;
    }
    if (kind == INCIDENT_SHARED_FAIL) print_shared_fail(out, i->count, &i->shared_fail);
    else print_hdr_reset(out, i->count, &i->hdr_reset);
    if (page->main->process_count > 1) {
      char *const program = escape(list[n].p->program);
      fprintf(out, "    in process %" PRIu32 " (%s)\n", list[n].p->pid, program);
      free(program);
    }
    print_stack_of(out, page, list[n].p, stats_incident_key(i).stack);
    if (kind == INCIDENT_HDR_RESET) print_past(out, page, list[n].p, &i->hdr_reset);
  }
  print_more(out, page, shown, count, "of other classes or from other places", "of other classes or from other places");
  free(list);
}

void print_incidents(FILE *out, const struct page *page) {
  const struct stats_counters *const c = &page->main->total->counters;
  const uint64_t fails = c->shared_fail_limit + c->shared_fail_os_enomem + c->shared_fail_no_address_space;
  fprintf(out, "\nHeader resets: %" PRIu64 "\n", c->hdr_reset);
  if (c->debug_sweeps != 0) {
    char time[FORMAT_SIZE], share[FORMAT_SIZE];
    fprintf(out, "  the debugging mode looked at all blocks %" PRIu64 " time%s, in %s each on\n  average; that took %s of the time\n", c->debug_sweeps,
            c->debug_sweeps == 1 ? "" : "s", format_ns(time, (double)c->debug_sweep_ns / (double)c->debug_sweeps),
            format_percent(share, (double)c->debug_sweep_spent_ns, (double)c->debug_sweep_ns));
  }
  print_kind(out, page, INCIDENT_HDR_RESET);
  fprintf(out, "\nshared_fails: %" PRIu64 "\n", fails);
  print_kind(out, page, INCIDENT_SHARED_FAIL);
}
