#include "object_names.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* An object's tables for looking up a name; NULL: it has none. */
struct symbols {
  const ElfW(Sym) * symbol;
  const char *names;
  const uint32_t *gnu_hash, *hash; /* DT_GNU_HASH, DT_HASH: an object has one, or both */
};

static struct symbols symbols_of(const struct dl_phdr_info *info) {
  struct symbols s = {.symbol = NULL};
  const ElfW(Dyn) *d = NULL;
  for (int i = 0; i < info->dlpi_phnum; i++) {
    if (info->dlpi_phdr[i].p_type == PT_DYNAMIC) d = (const void *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
  }
  for (; d != NULL && d->d_tag != DT_NULL; d++) {
    const uintptr_t at = d->d_un.d_ptr < info->dlpi_addr ? info->dlpi_addr + d->d_un.d_ptr : d->d_un.d_ptr; /* the loader relocates most, not all */
    if (d->d_tag == DT_SYMTAB) s.symbol = (const void *)at;
    if (d->d_tag == DT_STRTAB) s.names = (const void *)at;
    if (d->d_tag == DT_GNU_HASH) s.gnu_hash = (const void *)at;
    if (d->d_tag == DT_HASH) s.hash = (const void *)at;
  }
  return s;
}

static bool is_definition(const struct symbols *s, uint32_t i, const char *name) {
  return s->symbol[i].st_shndx != SHN_UNDEF && strcmp(s->names + s->symbol[i].st_name, name) == 0;
}

/*
 * The hash table: numbers of buckets, of the first symbol in it, and of words of the Bloom filter, a shift; then the filter, the buckets, and for each symbol
 * its hash with the lowest bit set in the last one of a bucket. Source: Ali Bahrami, "GNU Hash ELF Sections", and binutils, bfd/elflink.c.
 */
static bool defines_by_gnu_hash(const struct symbols *s, const char *name) {
  const uint32_t buckets = s->gnu_hash[0], first = s->gnu_hash[1];
  if (buckets == 0) return false;
  const uint32_t *const bucket = s->gnu_hash + 4 + s->gnu_hash[2] * (sizeof(ElfW(Addr)) / sizeof(uint32_t)), *const chain = bucket + buckets;
  uint32_t hash = 5381;
  for (const char *c = name; *c != '\0'; c++) hash = hash * 33 + (uint8_t)*c;
  uint32_t i = bucket[hash % buckets];
  if (i < first) return false;
  for (;; i++) {
    if (((chain[i - first] ^ hash) | 1) == 1 && is_definition(s, i, name)) return true;
    if ((chain[i - first] & 1) != 0) return false;
  }
}

/* The other table begins with the numbers of buckets and of symbols. */
bool object_defines(const struct dl_phdr_info *info, const char *name) {
  const struct symbols s = symbols_of(info);
  if (s.symbol == NULL || s.names == NULL) return false;
  if (s.gnu_hash != NULL) return defines_by_gnu_hash(&s, name);
  for (uint32_t i = 0; s.hash != NULL && i < s.hash[1]; i++) {
    if (is_definition(&s, i, name)) return true;
  }
  return false;
}
