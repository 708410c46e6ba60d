#include "symbolize.h"

#include <stdlib.h>
#include <string.h>

#include "common/memory.h"
#include "symbols/jit_map.h"

struct symbolizer {
  const struct report *r;
  const struct model_process *p;
  struct jit_map *jit; /* NULL: there is none, or nothing asked for it yet */
  bool has_looked_for_jit;
};

struct symbolizer *symbolizer_create(const struct report *r, const struct model_process *p) {
  struct symbolizer *const s = must_allocate(sizeof(*s));
  s->r = r;
  s->p = p;
  return s;
}

void symbolizer_destroy(struct symbolizer *s) {
  jit_map_free(s->jit);
  free(s);
}

static size_t symbolize_in(const struct model_module *module, uint64_t address, bool is_return_address, struct symbol symbols[SYMBOLS_MAX]) {
  symbols[0].module = module->path;
  symbols[0].offset = address - module->base + module->offset;
  return objects_name(module->path, module->build_id, symbols[0].offset, is_return_address, symbols);
}

const char *symbolize_replaced(size_t index) { return objects_replaced(index); }

size_t symbolize_in_file(const char *path, uint64_t own, struct symbol symbols[SYMBOLS_MAX]) {
  memset(symbols, 0, SYMBOLS_MAX * sizeof(symbols[0]));
  symbols[0].module = path;
  symbols[0].offset = own;
  return objects_name_own(path, own, symbols);
}

/* Code that lies in no file may be a JIT compiler's. */
static const char *find_jit(struct symbolizer *s, uint64_t address) {
  if (!s->has_looked_for_jit && s->p != NULL) s->jit = jit_map_read(s->r->path, s->p->pid, s->p->start_realtime_ns);
  s->has_looked_for_jit = true;
  return s->jit != NULL ? jit_map_find(s->jit, address) : NULL;
}

size_t symbolize(struct symbolizer *s, uint64_t address, uint32_t epoch, bool is_return_address, struct symbol symbols[SYMBOLS_MAX]) {
  memset(symbols, 0, SYMBOLS_MAX * sizeof(symbols[0]));
  const struct model_module *const module = model_find_module(s->r, s->p, address, epoch);
  if (module != NULL && module->path[0] != '[') return symbolize_in(module, address, is_return_address, symbols);
  symbols[0].function = find_jit(s, address - (is_return_address && address > 0));
  if (module == NULL) return 1;
  symbols[0].module = module->path; /* [anonymous], [vdso] */
  symbols[0].offset = address - module->base + module->offset;
  return 1;
}

bool symbol_is_own(const struct symbol *symbol) {
  return symbol->module != NULL && strncmp(format_last_part(symbol->module), OWN_LIBRARY, strlen(OWN_LIBRARY)) == 0;
}

/* By the mangled name (Itanium C++ ABI): namespaces std and __gnu_cxx, and operator new. "St", "Sa" and the like abbreviate std and its classes. */
bool symbol_is_cxx_library(const struct symbol *symbol) {
  static const char *const scopes[] = {"St", "Sa", "Sb", "Ss", "Si", "So", "Sd", "9__gnu_cxx", "nw", "na"};
  const char *name = symbol->function;
  if (name == NULL || strncmp(name, "_Z", 2) != 0) return false;
  name += 2;
  name += strspn(name, "Z");                               /* local to a function */
  if (*name == 'N') name += 1 + strspn(name + 1, "rVKRO"); /* nested, and the qualifiers of its object */
  for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
    if (strncmp(name, scopes[i], strlen(scopes[i])) == 0) return true;
  }
  return false;
}
