/*
 * print_symbol.c: one function of a stack, as text; the modules of which nothing is known.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/demangle.h"
#include "common/escape.h"
#include "report/print.h"

void print_symbol(FILE *out, const struct symbol *symbol, uint64_t address) {
  char *const module = escape(symbol->module != NULL ? symbol->module : "?");
  char *const name = demangle(symbol->function != NULL ? symbol->function : ""), *const function = escape(name);
  if (*function != '\0') {
    fprintf(out, "%s", function);
  } else if (symbol->module != NULL) {
    fprintf(out, "%s+0x%" PRIx64, format_last_part(module), symbol->offset);
  } else {
    fprintf(out, "0x%" PRIx64, address);
  }
  if (symbol->file != NULL) {
    char *const file = escape(symbol->file);
    fprintf(out, " at %s:%d", file, symbol->line);
    free(file);
  } else if (*function != '\0') {
    fprintf(out, " in %s", symbol->module != NULL ? format_last_part(module) : "generated code");
  }
  if (symbol->inlined) fputs(" (inlined)", out);
  free(function);
  free(name);
  free(module);
}

void print_replaced(FILE *out) {
  const char *path;
  for (size_t i = 0; (path = symbolize_replaced(i)) != NULL; i++) {
    char *const module = escape(path);
    fprintf(out, "%s%s has changed since the run (its build id differs): its functions have no names\n", i == 0 ? "\n" : "", module);
    free(module);
  }
}
