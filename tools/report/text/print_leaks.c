/*
 * print_leaks.c: the live blocks at the end of processes that ran with HAKMEM_LEAKS=1, by allocation site.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "common/escape.h"
#include "common/format.h"
#include "report/print.h"

#define PLACES_SHOWN 5 /* of each kind */

static const char *const kinds[] = {
  [LEAK_LOST] = "lost: no pointer leads to them",
  [LEAK_INDIRECT] = "lost with others: only lost blocks lead to them",
  [LEAK_REACHABLE] = "reachable",
};
static_assert(sizeof(kinds) / sizeof(kinds[0]) == leak_kind_count, "every kind has a name");

static void print_kind(FILE *out, const struct page *page, const struct model_process *p, enum leak_kind kind) {
  uint64_t bytes = 0, blocks = 0;
  size_t places = 0, shown = 0;
  char size[FORMAT_SIZE];
  for (size_t i = 0; i < p->leak_count; i++) {
    if (p->leaks[i].kind != (uint32_t)kind) continue;
    bytes += p->leaks[i].bytes;
    blocks += p->leaks[i].blocks;
    places++;
  }
  fprintf(out, "  %s in %" PRIu64 " block%s are %s\n", format_bytes(size, bytes), blocks, blocks == 1 ? "" : "s", kinds[kind]);
  if (kind == LEAK_REACHABLE && !page->all) return;
  for (size_t i = 0; i < p->leak_count && (page->all || shown < PLACES_SHOWN); i++) {
    const struct stats_leak *const leak = &p->leaks[i];
    if (leak->kind != (uint32_t)kind) continue;
    shown++;
    fprintf(out, "    %s in %" PRIu64 " block%s%s\n", format_bytes(size, leak->bytes), leak->blocks, leak->blocks == 1 ? "" : "s",
            leak->stack != 0   ? ", allocated at"
            : p->merge != NULL ? ", of all places"
                               : ", allocated at other places, or with no known stack");
    if (leak->stack != 0) print_stack_of(out, page, p, leak->stack);
  }
  print_more(out, page, shown, places, "place", "places");
}

void print_leaks(FILE *out, const struct page *page) {
  for (size_t k = 0; k < page->main->process_count; k++) {
    const struct model_process *const p = page->main->processes[k];
    if (p->leak_count == 0) continue;
    char *const program = escape(p->program);
    if (p->merge != NULL) fprintf(out, "\nLive blocks at the ends of the processes that looked for leaks\n");
    else fprintf(out, "\nLive blocks at the end of process %" PRIu32 " (%s)\n", p->pid, program);
    free(program);
    for (enum leak_kind kind = 0; kind < leak_kind_count; kind++) print_kind(out, page, p, kind);
  }
}
