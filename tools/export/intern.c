#include "intern.h"

#include <stdlib.h>

#include "common/memory.h"

size_t intern(struct interned *table, const char *name) {
  if (table->numbers == NULL) table->numbers = json_object();
  const json_t *const known = json_object_get(table->numbers, name);
  if (known != NULL) return (size_t)json_integer_value(known);
  table->names = must_grow(table->names, table->count, &table->capacity, sizeof(*table->names));
  table->names[table->count] = must_copy(name);
  json_object_set_new_nocheck(table->numbers, name, json_integer((json_int_t)table->count)); /* a name need not be UTF-8 */
  return table->count++;
}

void intern_free(struct interned *table) {
  for (size_t i = 0; i < table->count; i++) free(table->names[i]);
  free(table->names);
  json_decref(table->numbers);
  *table = (struct interned){0};
}
