/*
 * explain_place.c: the place in the program where something happened: the innermost frames of a stack outside of hakmem and of the C++
 * library.
 */
#include <stdlib.h>
#include <string.h>

#include "model/demangle.h"
#include "common/escape.h"
#include "explain.h"
#include "common/memory.h"
#include "model/symbolize.h"

#define FRAMES_NAMED 3

/* "function at file:line", or the module and the offset in it, or the address. */
static char *name_frame(const struct symbol *symbol, uint64_t address) {
  if (symbol->function == NULL && symbol->module == NULL) return must_print("0x%llx", (unsigned long long)address);
  char *const name = demangle(symbol->function != NULL ? symbol->function : ""), *const function = escape(name);
  char *const place = escape(format_last_part(symbol->file != NULL ? symbol->file : symbol->module != NULL ? symbol->module : "?"));
  char *text;
  if (symbol->function == NULL) text = must_print("%s+0x%llx", place, (unsigned long long)symbol->offset);
  else if (symbol->file == NULL) text = must_print("%s in %s", function, place);
  else text = must_print("%s at %s:%d", function, place, symbol->line);
  free(name);
  free(function);
  free(place);
  return text;
}

static void append(char **text, char *more) {
  char *const longer = *text == NULL ? must_copy(more) : must_print("%s, called by %s", *text, more);
  free(*text);
  free(more);
  *text = longer;
}

/* `with_cxx`: the C++ library's innermost frames, too. NULL if there is no other. */
static char *name_frames(struct symbolizer *symbolizer, const struct model_stack *stack, bool with_cxx) {
  char *text = NULL;
  unsigned named = 0;
  for (uint32_t i = 0; i < stack->frame_count && named < FRAMES_NAMED; i++) {
    struct symbol symbols[SYMBOLS_MAX];
    const size_t count = symbolize(symbolizer, stack->frames[i], stack->epoch, true, symbols);
    for (size_t k = 0; k < count && named < FRAMES_NAMED; k++) {
      if (symbol_is_own(&symbols[k]) || (named == 0 && !with_cxx && symbol_is_cxx_library(&symbols[k]))) continue;
      append(&text, name_frame(&symbols[k], stack->frames[i]));
      named++;
    }
  }
  return text;
}

char *explain_place(const struct diagnosis *d, const struct model_process *p, uint32_t id) {
  const struct report *const other = d->r == d->page->stats ? d->page->trace : d->page->stats;
  const struct model_process *owner;
  const struct model_stack *const stack = model_stack_of(d->r, other, p, id, &owner);
  if (id == 0 || stack == NULL) return NULL;
  struct symbolizer *const symbolizer = symbolizer_create(model_find_process(d->r, owner->host, owner->pid) == owner ? d->r : other, owner);
  char *text = name_frames(symbolizer, stack, false);
  if (text == NULL) text = name_frames(symbolizer, stack, true);
  symbolizer_destroy(symbolizer);
  return text;
}
