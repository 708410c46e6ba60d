#include "objects.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "instrumentation/statistics/stats_block.h"
#include "common/memory.h"
#include "debug_files.h"
#include "places.h"

/* A piece of code, and the unit of the debug information that describes it. */
struct code {
  Dwarf_Addr start, end;
  Dwarf_Die *unit;
};

/* Each object is opened in a session of its own, at address 0: then its addresses are those of its file. */
struct object {
  struct object *next;
  char *path, *build_id; /* from the process */
  bool replaced;         /* the file has another build id now */
  Dwfl *dwfl;            /* NULL if there is no file, or only another file now */
  Dwfl_Module *module;
  struct code *code; /* in order of address, once it was needed */
  size_t code_count, code_capacity;
  bool code_listed;
};

/* Each file is opened once, and each server is asked once. */
static struct object *objects;

static const Dwfl_Callbacks callbacks = {
  .find_elf = dwfl_build_id_find_elf,
  .find_debuginfo = debug_files_find,
  .section_address = dwfl_offline_section_address,
  .debuginfo_path = &places_debug_path,
};

/* Whether the opened file is the one that the process ran; true if either has no build id. */
static bool is_same_build(const struct object *o) {
  const unsigned char *id;
  GElf_Addr address, bias;
  if (o->build_id[0] == '\0' || dwfl_module_getelf(o->module, &bias) == NULL) return true;
  const int length = dwfl_module_build_id(o->module, &id, &address);
  if (length <= 0) return true;
  char text[STATS_BUILD_ID] = "";
  for (int i = 0; i < length && 2 * i + 2 < STATS_BUILD_ID; i++) snprintf(text + 2 * i, 3, "%02x", id[i]);
  return strcmp(text, o->build_id) == 0;
}

static bool close_object(struct object *o) {
  dwfl_end(o->dwfl);
  o->dwfl = NULL;
  o->module = NULL;
  return false;
}

/* Opens the object from this file, unless it is of another build. */
static bool use_file(void *context, const char *name, int fd) {
  struct object *const o = context;
  void **user_data;
  o->dwfl = dwfl_begin(&callbacks);
  if (o->dwfl == NULL) {
    close(fd);
    return false;
  }
  dwfl_report_begin(o->dwfl);
  o->module = dwfl_report_elf(o->dwfl, o->path, name, fd, 0, false); /* takes ownership of the descriptor */
  if (o->module == NULL) close(fd);
  if (o->module == NULL || dwfl_report_end(o->dwfl, NULL, NULL) != 0) return close_object(o);
  dwfl_module_info(o->module, &user_data, NULL, NULL, NULL, NULL, NULL, NULL);
  *user_data = o->path;
  o->replaced = !is_same_build(o);
  return !o->replaced || close_object(o);
}

static struct object *find_object(const char *path, const char *build_id) {
  for (struct object *o = objects; o != NULL; o = o->next) {
    if (strcmp(o->path, path) == 0 && strcmp(o->build_id, build_id) == 0) return o;
  }
  struct object *const o = must_allocate(sizeof(*o));
  *o = (struct object){.next = objects, .path = must_copy(path), .build_id = must_copy(build_id)};
  objects = o;
  places_find_object(path, build_id, use_file, o);
  return o;
}

/* The object's first loaded segment from number *at on, and what is added to its addresses. *at is then behind it. False: there is none. */
static bool next_segment(const struct object *o, size_t *at, GElf_Phdr *segment, GElf_Addr *bias) {
  Elf *const elf = dwfl_module_getelf(o->module, bias);
  size_t count;
  if (elf == NULL || elf_getphdrnum(elf, &count) != 0) return false;
  while (*at < count) {
    if (gelf_getphdr(elf, (int)(*at)++, segment) != NULL && segment->p_type == PT_LOAD) return true;
  }
  return false;
}

/* From an offset in the file to the address in the file's own tables. False if no segment holds it. */
static bool address_of_offset(const struct object *o, uint64_t offset, Dwarf_Addr *address) {
  GElf_Phdr header;
  GElf_Addr bias;
  for (size_t i = 0; next_segment(o, &i, &header, &bias);) {
    if (offset < header.p_offset || offset - header.p_offset >= header.p_filesz) continue;
    *address = offset - header.p_offset + header.p_vaddr + bias;
    return true;
  }
  return false;
}

/* ---- The unit of an address. ---- */

static int by_start(const void *a, const void *b) {
  const struct code *const x = a, *const y = b;
  return x->start < y->start ? -1 : x->start > y->start;
}

/* Linkers put code that they left out at 0. */
static bool is_code(const struct object *o, Dwarf_Addr address) {
  GElf_Phdr header;
  GElf_Addr bias;
  for (size_t i = 0; next_segment(o, &i, &header, &bias);) {
    if ((header.p_flags & PF_X) != 0 && address - bias - header.p_vaddr < header.p_memsz) return true;
  }
  return false;
}

static void list_code(struct object *o) {
  Dwarf_Addr bias, base, start, end;
  for (Dwarf_Die *unit = NULL; (unit = dwfl_module_nextcu(o->module, unit, &bias)) != NULL;) {
    for (ptrdiff_t at = 0; (at = dwarf_ranges(unit, at, &base, &start, &end)) > 0;) {
      if (start >= end || !is_code(o, start + bias)) continue;
      o->code = must_grow(o->code, o->code_count, &o->code_capacity, sizeof(*o->code));
      o->code[o->code_count++] = (struct code){start + bias, end + bias, unit};
    }
  }
  if (o->code_count > 1) qsort(o->code, o->code_count, sizeof(*o->code), by_start);
  o->code_listed = true;
}

/*
 * The unit that describes the code at `address`; NULL if there is none. libdw goes by .debug_aranges alone, which clang, rustc and Go do not write. And it
 * takes a gap between two ranges for a part of the first one. So if its unit does not have the address, the units' own ranges are searched.
 */
static Dwarf_Die *unit_of(struct object *o, Dwarf_Addr address, Dwarf_Addr *bias) {
  Dwarf_Die *const unit = dwfl_module_addrdie(o->module, address, bias);
  if (unit != NULL && dwarf_haspc(unit, address - *bias) > 0) return unit;
  if (dwfl_module_getdwarf(o->module, bias) == NULL) return NULL;
  if (!o->code_listed) list_code(o);
  size_t first = 0, behind = o->code_count; /* at the end, `first` is the first one that begins behind the address */
  while (first < behind) {
    const size_t middle = first + (behind - first) / 2;
    if (o->code[middle].start <= address) first = middle + 1;
    else behind = middle;
  }
  return first > 0 && address < o->code[first - 1].end ? o->code[first - 1].unit : NULL;
}

/* "file:line" of an address. */
static void find_line(struct object *o, Dwarf_Addr address, struct symbol *symbol) {
  Dwarf_Addr bias;
  Dwarf_Die *const unit = unit_of(o, address, &bias);
  Dwarf_Line *const line = unit != NULL ? dwarf_getsrc_die(unit, address - bias) : NULL;
  if (line != NULL && dwarf_lineno(line, &symbol->line) == 0) symbol->file = dwarf_linesrc(line, NULL, NULL);
}

/* The file and line of the call of an inlined function. */
static void find_call_site(Dwarf_Die *inlined, Dwarf_Die *unit, struct symbol *caller) {
  Dwarf_Attribute attribute;
  Dwarf_Word file, line;
  Dwarf_Files *files;
  size_t count;
  if (dwarf_formudata(dwarf_attr(inlined, DW_AT_call_file, &attribute), &file) != 0 ||
      dwarf_formudata(dwarf_attr(inlined, DW_AT_call_line, &attribute), &line) != 0 || dwarf_getsrcfiles(unit, &files, &count) != 0 || file >= count) {
    return;
  }
  caller->file = dwarf_filesrc(files, file, NULL, NULL);
  caller->line = (int)line;
}

/* Fills symbols from debug information; 0 if there is none for the address. */
static size_t find_inlined(struct object *o, Dwarf_Addr address, struct symbol symbols[SYMBOLS_MAX]) {
  Dwarf_Addr bias;
  Dwarf_Die *const unit = unit_of(o, address, &bias);
  Dwarf_Die *scopes = NULL;
  const int scope_count = unit != NULL ? dwarf_getscopes(unit, address - bias, &scopes) : 0;
  size_t count = 0;
  if (scope_count > 0) {
    Dwarf_Die *chain = NULL;
    Dwarf_Die innermost = scopes[0];
    const int chain_count = dwarf_getscopes_die(&innermost, &chain);
    find_line(o, address, &symbols[0]);
    for (int i = 0; i < chain_count && count < SYMBOLS_MAX; i++) {
      const int tag = dwarf_tag(&chain[i]);
      if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_subprogram) continue;
      Dwarf_Attribute attribute;
      const char *name = dwarf_formstring(dwarf_attr_integrate(&chain[i], DW_AT_linkage_name, &attribute));
      symbols[count].function = name != NULL ? name : dwarf_diename(&chain[i]);
      symbols[count].inlined = tag == DW_TAG_inlined_subroutine && count + 1 < SYMBOLS_MAX;
      count++;
      if (tag == DW_TAG_subprogram) break;
      if (count < SYMBOLS_MAX) find_call_site(&chain[i], unit, &symbols[count]);
    }
    free(chain);
  }
  free(scopes);
  return count;
}

/* Names an address of the object's file. The module and the offset are already set. */
static size_t name_own(struct object *o, Dwarf_Addr own, struct symbol symbols[SYMBOLS_MAX]) {
  const size_t count = find_inlined(o, own, symbols);
  if (count == 0) find_line(o, own, &symbols[0]);
  const char *const name = dwfl_module_addrname(o->module, own);
  struct symbol *const outermost = &symbols[count > 0 ? count - 1 : 0];
  if (outermost->function == NULL) outermost->function = name;
  for (size_t i = 1; i < count; i++) {
    symbols[i].module = symbols[0].module;
    symbols[i].offset = symbols[0].offset;
  }
  return count > 0 ? count : 1;
}

size_t objects_name(const char *path, const char *build_id, uint64_t offset, bool is_return_address, struct symbol symbols[SYMBOLS_MAX]) {
  struct object *const o = find_object(path, build_id);
  symbols[0].replaced = o->replaced;
  Dwarf_Addr own;
  if (o->module == NULL || !address_of_offset(o, offset, &own)) return 1;
  if (is_return_address && own > 0) own--;
  return name_own(o, own, symbols);
}

size_t objects_name_own(const char *path, uint64_t own, struct symbol symbols[SYMBOLS_MAX]) {
  struct object *const o = find_object(path, "");
  GElf_Addr bias;
  if (o->module == NULL || dwfl_module_getelf(o->module, &bias) == NULL) return 1;
  return name_own(o, own + bias, symbols);
}

const char *objects_replaced(size_t index) {
  for (const struct object *o = objects; o != NULL; o = o->next) {
    if (o->replaced && index-- == 0) return o->path;
  }
  return NULL;
}
