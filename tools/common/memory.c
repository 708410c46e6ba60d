#include "memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static _Noreturn void out_of_memory(void) {
  fputs("hakmem: out of memory\n", stderr);
  exit(1);
}

void *must_allocate(size_t size) {
  void *const memory = calloc(1, size ? size : 1);
  if (memory == NULL) out_of_memory();
  return memory;
}

void *must_map(size_t size) {
  void *const memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) out_of_memory();
  return memory;
}

char *must_copy(const char *text) {
  char *const copy = strdup(text);
  if (copy == NULL) out_of_memory();
  return copy;
}

char *must_print(const char *format, ...) {
  char *text;
  va_list arguments;
  va_start(arguments, format);
  const int length = vasprintf(&text, format, arguments);
  va_end(arguments);
  if (length < 0) out_of_memory();
  return text;
}

void must_list(char **list, const char *separator, const char *item) {
  char *const longer = must_print("%s%s%s", *list, **list != '\0' ? separator : "", item);
  free(*list);
  *list = longer;
}

void *must_grow(void *array, size_t length, size_t *capacity, size_t size) {
  if (length < *capacity) return array;
  const size_t wanted = *capacity ? *capacity * 2 : 16;
  if (wanted > SIZE_MAX / size) out_of_memory();
  void *const moved = realloc(array, wanted * size);
  if (moved == NULL) out_of_memory();
  *capacity = wanted;
  return moved;
}
