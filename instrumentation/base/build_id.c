#include "build_id.h"

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "src/platform/base.h"

/* The linker's: the beginning of the object, where its header lies. */
extern const char __ehdr_start[] __attribute__((visibility("hidden"), weak));

static bool is_loaded(const ElfW(Phdr) * headers, unsigned count, uintptr_t start, size_t size) {
  for (unsigned i = 0; i < count; i++) {
    const ElfW(Phdr) *p = &headers[i];
    if (p->p_type == PT_LOAD && (p->p_flags & PF_R) != 0 && start - p->p_vaddr < p->p_filesz && size <= p->p_filesz - (start - p->p_vaddr)) return true;
  }
  return false;
}

static void put_hex(char *text, const uint8_t *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    text[2 * i] = "0123456789abcdef"[bytes[i] >> 4];
    text[2 * i + 1] = "0123456789abcdef"[bytes[i] & 15];
  }
  text[2 * count] = '\0';
}

void build_id_find(const ElfW(Phdr) * headers, unsigned count, uintptr_t base, char *text, size_t size) {
  text[0] = '\0';
  for (unsigned i = 0; i < count; i++) {
    const ElfW(Phdr) *p = &headers[i];
    if (p->p_type != PT_NOTE || !is_loaded(headers, count, p->p_vaddr, p->p_filesz)) continue;
    if ((base + p->p_vaddr) % _Alignof(ElfW(Nhdr)) != 0) continue; /* a damaged header */
    const size_t align = p->p_align == 8 ? 8 : 4;
    const char *const notes = (const char *)(base + p->p_vaddr);
    for (size_t at = 0; at + sizeof(ElfW(Nhdr)) <= p->p_filesz;) {
      const ElfW(Nhdr) *note = (const void *)(notes + at);
      const size_t name = at + sizeof(*note), bytes = align_up(name + note->n_namesz, align);
      if (bytes + note->n_descsz > p->p_filesz) break;
      if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == sizeof(ELF_NOTE_GNU) && memcmp(notes + name, ELF_NOTE_GNU, sizeof(ELF_NOTE_GNU)) == 0) {
        put_hex(text, (const uint8_t *)notes + bytes, min_size(note->n_descsz, (size - 1) / 2));
        return;
      }
      at = align_up(bytes + note->n_descsz, align);
    }
  }
}

void build_id_own(char *text, size_t size) {
  const ElfW(Ehdr) *const object = (const void *)__ehdr_start;
  text[0] = '\0';
  if (object == NULL) return;
  const ElfW(Phdr) *const headers = (const void *)(__ehdr_start + object->e_phoff);
  for (unsigned i = 0; i < object->e_phnum; i++) {
    if (headers[i].p_type != PT_LOAD || headers[i].p_offset != 0) continue;
    build_id_find(headers, object->e_phnum, (uintptr_t)object - headers[i].p_vaddr, text, size);
    return;
  }
}
