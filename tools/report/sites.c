#include "sites.h"

#include <stdlib.h>
#include <string.h>

#include "model/demangle.h"
#include "common/escape.h"
#include "common/memory.h"
#include "model/symbolize.h"

#define STACK_CUT "[cut]"

void sites_add(struct stats_site *to, const struct stats_site *from) {
#define ADD_FIGURE(name, text) to->name += from->name;
  STATS_SITE_FIGURES(ADD_FIGURE)
  if (to->oldest_ms < from->oldest_ms) to->oldest_ms = from->oldest_ms;
}

static int by_stack(const void *a, const void *b) {
  const uint32_t x = ((const struct site *)a)->stack, y = ((const struct site *)b)->stack;
  return x < y ? -1 : x > y;
}

static int by_allocated(const void *a, const void *b) {
  const struct site *const x = a, *const y = b;
  return x->f.allocated != y->f.allocated ? (x->f.allocated < y->f.allocated ? 1 : -1) : by_stack(a, b);
}

static int by_pinned(const void *a, const void *b) {
  const struct site *const x = a, *const y = b;
  return x->f.pinned != y->f.pinned ? (x->f.pinned < y->f.pinned ? 1 : -1) : by_stack(a, b);
}

static int by_folded(const void *a, const void *b) { return strcmp(((const struct site *)a)->folded, ((const struct site *)b)->folded); }

struct site *sites_of(const struct stats_profile *profile, size_t *count) {
  struct site *const sites = must_allocate((profile->site_count + 1) * sizeof(*sites));
  for (uint32_t i = 0; i < profile->site_count; i++) sites[i] = (struct site){.stack = profile->sites[i].stack, .f = profile->sites[i]};
  qsort(sites, profile->site_count, sizeof(*sites), by_stack);
  size_t kept = 0;
  for (uint32_t i = 0; i < profile->site_count; i++) {
    if (kept > 0 && sites[kept - 1].stack == sites[i].stack) sites_add(&sites[kept - 1].f, &sites[i].f);
    else sites[kept++] = sites[i];
  }
  qsort(sites, kept, sizeof(*sites), by_allocated);
  *count = kept;
  return sites;
}

struct stats_site sites_sum(const struct stats_profile *profile) {
  struct stats_site sum = profile->rest;
  for (uint32_t i = 0; i < profile->site_count; i++) sites_add(&sum, &profile->sites[i]);
  return sum;
}

void sites_rank_pins(struct site *sites, size_t count) { qsort(sites, count, sizeof(*sites), by_pinned); }

/* ---- Stacks as text. ---- */

/* A ';' or a line's end in a name would split it. */
static char *name_of(const struct symbol *symbol, uint64_t address) {
  const char *const slash = symbol->module != NULL ? strrchr(symbol->module, '/') : NULL;
  char *const name = symbol->function != NULL ? demangle(symbol->function)
                     : slash != NULL          ? must_print("%s+0x%llx", slash + 1, (unsigned long long)symbol->offset)
                                              : must_print("0x%llx", (unsigned long long)address);
  char *const text = escape(name);
  free(name);
  for (char *c = text; *c != '\0'; c++) {
    if (*c == ';') *c = ':';
  }
  return text;
}

static char *prepend(char *name, char *folded) {
  char *const longer = folded != NULL ? must_print("%s;%s", name, folded) : must_copy(name);
  free(name);
  free(folded);
  return longer;
}

static char *place_of(const struct symbol *symbol) {
  if (symbol->file == NULL) return NULL;
  char *const file = escape(format_last_part(symbol->file)), *const place = must_print("%s:%d", file, symbol->line);
  free(file);
  return place;
}

/* What called main says nothing, nor that it was cut off. */
static char *from_main(char *folded) {
  char *const found = strstr(folded, ";main;");
  if (found != NULL) memmove(folded, found + 1, strlen(found));
  return folded;
}

/* Fills the site's functions and place from its stack. */
static void fold(struct site *site, const struct report *r, const struct model_process *p, struct symbolizer **symbolizer) {
  const struct model_process *owner;
  const struct model_stack *const stack = site->stack != 0 ? model_stack_of(r, NULL, p, site->stack, &owner) : NULL;
  if (stack == NULL) {
    site->folded = must_copy(site->stack != 0 ? "(stack not in the data)" : "(no stack)");
    return;
  }
  struct symbolizer *own = NULL;
  if (owner == p && *symbolizer == NULL) *symbolizer = symbolizer_create(r, p);
  if (owner != p) own = symbolizer_create(r, owner);
  char *folded = NULL, *of_library = NULL;
  bool outside = false;
  for (uint32_t i = 0; i < stack->frame_count; i++) {
    struct symbol symbols[SYMBOLS_MAX];
    const size_t count = symbolize(own != NULL ? own : *symbolizer, stack->frames[i], stack->epoch, true, symbols);
    for (size_t k = 0; k < count; k++) {
      if (folded == NULL && symbol_is_own(&symbols[k])) continue;
      if (folded == NULL) of_library = place_of(&symbols[k]);
      if (!outside && !symbol_is_cxx_library(&symbols[k])) {
        outside = true;
        site->place = place_of(&symbols[k]);
      }
      site->inner += !outside;
      folded = prepend(name_of(&symbols[k], stack->frames[i]), folded);
    }
  }
  if (own != NULL) symbolizer_destroy(own);
  if (!outside) site->inner = 0, site->place = of_library;
  else free(of_library);
  if (folded != NULL && stack->is_cut) folded = prepend(must_copy(STACK_CUT), folded);
  site->folded = folded != NULL ? from_main(folded) : must_copy("(" OWN_LIBRARY ")");
}

/* One function may allocate in several lines of a file. */
static void merge_place(char *place, const char *other) {
  if (place == NULL || (other != NULL && strcmp(place, other) == 0)) return;
  char *const colon = strrchr(place, ':');
  if (colon != NULL) *colon = '\0';
}

struct site *sites_fold(const struct report *r, size_t *count) {
  struct site *all = NULL;
  size_t capacity = 0, length = 0;
  for (size_t k = 0; k < r->process_count; k++) {
    const struct model_process *const p = r->processes[k];
    if (p->profiles[PROFILE_LAST] == NULL) continue;
    size_t here;
    struct symbolizer *symbolizer = NULL;
    struct site *const sites = sites_of(p->profiles[PROFILE_LAST], &here);
    for (size_t i = 0; i < here; i++) {
      all = must_grow(all, length, &capacity, sizeof(*all));
      all[length] = sites[i];
      fold(&all[length++], r, p, &symbolizer);
    }
    if (symbolizer != NULL) symbolizer_destroy(symbolizer);
    free(sites);
    if (p->profiles[PROFILE_LAST]->rest_count == 0) continue;
    all = must_grow(all, length, &capacity, sizeof(*all));
    all[length++] = (struct site){.folded = must_copy("(other sites)"), .f = p->profiles[PROFILE_LAST]->rest};
  }
  if (length > 1) qsort(all, length, sizeof(*all), by_folded);
  size_t kept = 0;
  for (size_t i = 0; i < length; i++) {
    if (kept > 0 && strcmp(all[kept - 1].folded, all[i].folded) == 0) {
      sites_add(&all[kept - 1].f, &all[i].f);
      merge_place(all[kept - 1].place, all[i].place);
      free(all[i].folded);
      free(all[i].place);
    } else {
      all[kept++] = all[i];
    }
  }
  *count = kept;
  return all;
}

void sites_free(struct site *sites, size_t count) {
  for (size_t i = 0; i < count; i++) {
    free(sites[i].folded);
    free(sites[i].place);
  }
  free(sites);
}

char *sites_innermost_first(const char *folded, unsigned inner, const char *place) {
  char *const names = must_copy(folded), *text = NULL;
  for (char *semicolon; inner > 0 && (semicolon = strrchr(names, ';')) != NULL; inner--) *semicolon = '\0';
  for (char *semicolon; (semicolon = strrchr(names, ';')) != NULL || *names != '\0'; *(semicolon != NULL ? semicolon : names) = '\0') {
    const char *const name = semicolon != NULL ? semicolon + 1 : names;
    char *const longer = text != NULL ? must_print("%s <- %s", text, name) : place != NULL ? must_print("%s at %s", name, place) : must_copy(name);
    free(text);
    text = longer;
  }
  free(names);
  return text != NULL ? text : must_copy("");
}

/* ---- Growth. ---- */

static int by_growth(const void *a, const void *b) {
  const struct growth *const x = a, *const y = b;
  return x->bytes != y->bytes ? (x->bytes < y->bytes ? 1 : -1) : strcmp(x->folded, y->folded);
}

struct growth *sites_compare(const struct site *before, size_t before_count, const struct site *after, size_t after_count, size_t *count) {
  static const struct stats_site nothing;
  struct growth *const list = must_allocate((before_count + after_count + 1) * sizeof(*list));
  size_t b = 0, a = 0;
  *count = 0;
  while (b < before_count || a < after_count) {
    const int order = b == before_count ? 1 : a == after_count ? -1 : strcmp(before[b].folded, after[a].folded);
    const struct stats_site *const old = order <= 0 ? &before[b].f : &nothing, *const new = order >= 0 ? &after[a].f : &nothing;
    const struct site *const site = order >= 0 ? &after[a] : &before[b];
    list[(*count)++] = (struct growth){site->folded,
                                       site->place,
                                       site->inner,
                                       (int64_t)(new->allocated - old->allocated),
                                       (int64_t)(new->blocks - old->blocks),
                                       (uint64_t)old->allocated,
                                       (uint64_t) new->allocated,
                                       old->allocated_variance + new->allocated_variance};
    b += order <= 0;
    a += order >= 0;
  }
  qsort(list, *count, sizeof(*list), by_growth);
  return list;
}
