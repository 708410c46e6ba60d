#include "names.h"

#include "symbols/objects.h"

static const char *function_name, *file_name;

void names_are(const char *function, const char *file) {
  function_name = function;
  file_name = file;
}

/* Every third one is inlined into another. */
static size_t name(uint64_t address, struct symbol symbols[SYMBOLS_MAX]) {
  const size_t count = address % 3 == 0 && function_name != NULL ? 2 : 1;
  for (size_t i = 0; i < count; i++) {
    symbols[i] = (struct symbol){.function = function_name,
                                 .file = file_name,
                                 .line = file_name != NULL ? (int)(address % 1000) : 0,
                                 .inlined = i + 1 < count,
                                 .module = symbols[0].module,
                                 .offset = symbols[0].offset};
  }
  return count;
}

size_t objects_name(const char *path, const char *build_id, uint64_t offset, bool is_return_address, struct symbol symbols[SYMBOLS_MAX]) {
  (void)path, (void)build_id, (void)is_return_address;
  return name(offset, symbols);
}

size_t objects_name_own(const char *path, uint64_t own, struct symbol symbols[SYMBOLS_MAX]) {
  (void)path;
  return name(own, symbols);
}

const char *objects_replaced(size_t index) { return index == 0 ? file_name : NULL; }
