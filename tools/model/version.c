#include "version.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define BYTES_MAX 32

static char build_id[2 * BYTES_MAX + 1];

static size_t padded(size_t size) { return (size + 3) & ~(size_t)3; }

/* The first object that the loader lists is the program. */
static int read_notes(struct dl_phdr_info *object, size_t size, void *context) {
  (void)size, (void)context;
  for (int i = 0; i < object->dlpi_phnum; i++) {
    if (object->dlpi_phdr[i].p_type != PT_NOTE) continue;
    const char *note = (const char *)object->dlpi_addr + object->dlpi_phdr[i].p_vaddr, *const end = note + object->dlpi_phdr[i].p_memsz;
    while (end - note > (ptrdiff_t)sizeof(ElfW(Nhdr))) {
      const ElfW(Nhdr) *const head = (const void *)note;
      const char *const name = note + sizeof(*head), *const id = name + padded(head->n_namesz);
      if (head->n_type == NT_GNU_BUILD_ID && head->n_namesz == sizeof("GNU") && memcmp(name, "GNU", sizeof("GNU")) == 0) {
        for (size_t k = 0; k < head->n_descsz && k < BYTES_MAX; k++) snprintf(build_id + 2 * k, 3, "%02x", (unsigned char)id[k]);
      }
      note = id + padded(head->n_descsz);
    }
  }
  return 1;
}

const char *version_build_id(void) {
  if (build_id[0] == '\0') dl_iterate_phdr(read_notes, NULL);
  return build_id;
}

const char *version_text(void) {
  static char text[64 + sizeof(build_id)];
  const char *const id = version_build_id();
  snprintf(text, sizeof(text), "hakmem " HAKMEM_VERSION "%s%s%s", *id != '\0' ? " (build id " : "", id, *id != '\0' ? ")" : "");
  return text;
}
