/*
 * elf: a program's file, as `hakmem run` looks at it before it starts the program; and the same bytes as the image of a loaded object, in which the
 * library looks for its build id.
 *
 * The library trusts one thing: what a readable PT_LOAD names is in memory. So those that go beyond the image are cut here.
 */
#include "tests/fuzz/input.h"

#include "base/build_id.h"
#include "common/error.h"
#include "session/program.h"

#define TEXT 68
#define HEADERS_MOST 8

static void find_build_id(const uint8_t *bytes, size_t size) {
  ElfW(Phdr) headers[HEADERS_MOST];
  const unsigned count = size < HEADERS_MOST * sizeof(headers[0]) ? (unsigned)(size / sizeof(headers[0])) : HEADERS_MOST;
  char text[TEXT];
  char *const image = malloc(size);
  MUST(image != NULL);
  memcpy(image, bytes, size);
  memcpy(headers, bytes, count * sizeof(headers[0]));
  for (unsigned i = 0; i < count; i++) {
    ElfW(Phdr) *const h = &headers[i];
    if (h->p_type != PT_LOAD) continue;
    h->p_vaddr %= size;
    if (h->p_filesz > size - h->p_vaddr) h->p_filesz = size - h->p_vaddr;
  }
  build_id_find(headers, count, (uintptr_t)image, text, sizeof(text));
  MUST(strlen(text) < sizeof(text) && strspn(text, "0123456789abcdef") == strlen(text) && strlen(text) % 2 == 0);
  free(image);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  const char *const path = input_file(bytes, size);
  MUST(program_file_check(path) || strncmp(failure(), "is ", 3) == 0);
  program_has_library(path);
  if (size > 0) find_build_id(bytes, size);
  return 0;
}
