#include "library_file.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <string.h>

#include "src/platform/file.h"

#define HEADERS_MOST 32 /* program headers; libraries have about ten */

static bool is_cut_off(const struct own_file *file) {
  ElfW(Ehdr) elf;
  ElfW(Phdr) header[HEADERS_MOST];
  struct stat status;
  if (!file_is_own(file, &status) || file_read_at(file, &elf, sizeof(elf), 0) != sizeof(elf)) return false;
  if (memcmp(elf.e_ident, ELFMAG, SELFMAG) != 0 || elf.e_phentsize != sizeof(header[0]) || elf.e_phnum > HEADERS_MOST) return false;
  const size_t size = elf.e_phnum * sizeof(header[0]);
  if (file_read_at(file, header, size, (off_t)elf.e_phoff) != (ssize_t)size) return true;
  for (unsigned i = 0; i < elf.e_phnum; i++) {
    if (header[i].p_type == PT_LOAD && header[i].p_offset + header[i].p_filesz > (uint64_t)status.st_size) return true;
  }
  return false;
}

/* The folders that dlopen searches for this library; NULL if they are unknown. */
static const Dl_serinfo *folders(void) {
  static union {
    Dl_serinfo info;
    char room[8 * KIB];
  } all BULK;
  struct dl_find_object own;
  if (_dl_find_object((void *)(uintptr_t)library_is_cut_off, &own) != 0) return NULL;
  if (dlinfo(own.dlfo_link_map, RTLD_DI_SERINFOSIZE, &all.info) != 0 || all.info.dls_size > sizeof(all)) return NULL;
  return dlinfo(own.dlfo_link_map, RTLD_DI_SERINFO, &all.info) == 0 ? &all.info : NULL;
}

bool library_is_cut_off(const char *name, const char **path) {
  static char full[PATH_MAX];
  const Dl_serinfo *in = folders();
  for (unsigned i = 0; in != NULL && i < in->dls_cnt; i++) {
    const char *folder = in->dls_serpath[i].dls_name;
    if (strlen(folder) + 1 + strlen(name) >= sizeof(full)) continue;
    strcpy(stpcpy(stpcpy(full, folder), "/"), name);
    struct own_file file = file_open_briefly(full);
    if (file.number < 0) continue;
    const bool cut_off = is_cut_off(&file);
    file_close(&file);
    *path = full;
    return cut_off;
  }
  return false;
}
