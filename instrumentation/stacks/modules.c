/*
 * modules.c: the loaded objects that stacks point into.
 *
 * The first stack that points into an object enters it into the table of the statistics block, and raises an event with the addresses of its code,
 * its path, its build id, and the epoch. The epoch begins at 0. It grows when objects of the table were unloaded: then another object may lie at
 * their addresses. A stack carries the epoch in which it was taken. Its addresses belong to the youngest object there whose epoch is not larger.
 *
 * Lock order: the loader's lock before this file's. Nothing here calls the loader with this file's lock held.
 */
#include <link.h>
#include <pthread.h>
#include <string.h>

#include "src/memory/maps.h"
#include "src/memory/os.h"
#include "src/probe.h"
#include "src/platform/lock.h"
#include "base/build_id.h"
#include "base/gate.h"
#include "base/object_names.h"
#include "statistics/stats.h"
#include "modules.h"

#define LOCK_WAIT_MS 100 /* the holder may be the thread whose fault is reported */

static struct lock lock;
static bool closed[STATS_MODULES];    /* the object was unloaded, or its state is unknown */
static bool unlisted[STATS_MODULES];  /* atomic; the loader does not know it: code that was made at run time */
static uintptr_t bias[STATS_MODULES]; /* the loader added this to the addresses in the object's file */
static uint32_t epoch;                /* atomic */
static uint64_t generation;           /* number of objects that the loader had added and removed at the last comparison with the table */
static bool comparing;                /* atomic */

/* ---- What the loader lists. Called under its lock, so an object stays. ---- */

static void build_id_of(const struct dl_phdr_info *info, char text[STATS_BUILD_ID]) {
  build_id_find(info->dlpi_phdr, info->dlpi_phnum, info->dlpi_addr, text, STATS_BUILD_ID);
}

/* Whether `address` lies in a page of the object's segments that have all these flags. */
static bool holds_as(const struct dl_phdr_info *info, uintptr_t address, uint32_t flags) {
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *p = &info->dlpi_phdr[i];
    const uintptr_t start = align_down(info->dlpi_addr + p->p_vaddr, os_page_size());
    const uintptr_t end = align_up(info->dlpi_addr + p->p_vaddr + p->p_memsz, os_page_size());
    if (p->p_type == PT_LOAD && (p->p_flags & flags) == flags && address - start < end - start) return true;
  }
  return false;
}

static bool holds(const struct dl_phdr_info *info, uintptr_t address) { return holds_as(info, address, 0); }

struct search {
  uintptr_t address, bias;
  char *build_id;
};

static int find_object(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size;
  struct search *search = data;
  if (!holds(info, search->address)) return 0;
  search->bias = info->dlpi_addr;
  build_id_of(info, search->build_id);
  return 1;
}

/* ---- The epoch. ---- */

static int read_generation(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size;
  *(uint64_t *)data = (uint64_t)info->dlpi_adds << 32 | (uint32_t)info->dlpi_subs;
  return 1; /* the first object has the counts */
}

static int mark_present(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size;
  bool *present = data;
  const struct stats_block *b = stats_block();
  char build_id[STATS_BUILD_ID];
  build_id[0] = '?';
  for (unsigned i = 0; i < STATS_MODULES && b->modules[i].size != 0; i++) {
    if (present[i] || !holds(info, b->modules[i].base)) continue;
    if (build_id[0] == '?') build_id_of(info, build_id);
    present[i] = strcmp(build_id, b->modules[i].build_id) == 0;
  }
  return 0;
}

/* Finds the unloaded objects of the table. Code that the loader does not know (made at run time) is looked up anew. */
static void compare(uint64_t now) {
  static bool present[STATS_MODULES];
  struct stats_block *b = stats_block();
  memset(present, 0, sizeof(present));
  dl_iterate_phdr(mark_present, present);
  bool gone = b->modules_missed > 0 && (uint32_t)(now ^ generation) != 0; /* a module that was missed may have been one of those */
  for (unsigned i = 0; i < STATS_MODULES && b->modules[i].size != 0; i++) {
    if (present[i] || __atomic_load_n(&closed[i], __ATOMIC_RELAXED)) continue;
    __atomic_store_n(&closed[i], true, __ATOMIC_RELAXED);
    gone = gone || (!__atomic_load_n(&unlisted[i], __ATOMIC_RELAXED) && b->modules[i].path[0] == '/');
  }
  if (gone) __atomic_add_fetch(&epoch, 1, __ATOMIC_RELAXED);
  __atomic_store_n(&generation, now, __ATOMIC_RELEASE);
}

/*
 * The loader need not be asked at each stack. Objects go in dlclose, which notes it, and only a later dlopen can put another one in their place, which
 * notes it, too. The C library also closes and opens objects itself, which it seldom does. So each thread also asks at every 256th stack.
 */
#define UNNOTED_MOST 256u
static uint32_t unloads = 1;      /* atomic; notes so far */
static uint32_t unloads_compared; /* atomic; `unloads` before the last comparison */
/*
 * dlopen is noted before it begins. A stack that is taken before the loader lists the new object finds no change. So as many stacks ask once more, even if
 * nothing has changed.
 */
#define LOOKS_AT_OPENING 64u
static uint32_t looks;                                                       /* atomic; of these, what is left */
static bool loads_are_noted;                                                 /* atomic */
static __thread uint32_t unnoted __attribute__((tls_model("initial-exec"))); /* stacks since this thread asked */

void modules_note_unload(void) { __atomic_add_fetch(&unloads, 1, __ATOMIC_SEQ_CST); }
void modules_watch_loads(void) { __atomic_store_n(&loads_are_noted, true, __ATOMIC_RELAXED); }

static void note_compared(uint32_t noted) {
  const uint32_t left = __atomic_load_n(&looks, __ATOMIC_RELAXED);
  if (left != 0) __atomic_store_n(&looks, left - 1, __ATOMIC_RELAXED);
  else __atomic_store_n(&unloads_compared, noted, __ATOMIC_RELEASE);
}

uint32_t modules_epoch(void) {
  const uint32_t noted = __atomic_load_n(&unloads, __ATOMIC_ACQUIRE);
  const bool known = __atomic_load_n(&loads_are_noted, __ATOMIC_RELAXED) && noted == __atomic_load_n(&unloads_compared, __ATOMIC_ACQUIRE);
  if ((!known || ++unnoted >= UNNOTED_MOST) && gate_ask()) {
    uint64_t now = 0;
    unnoted = 0;
    dl_iterate_phdr(read_generation, &now);
    if (now == __atomic_load_n(&generation, __ATOMIC_ACQUIRE)) {
      note_compared(noted);
    } else if (!__atomic_exchange_n(&comparing, true, __ATOMIC_ACQUIRE)) {
      compare(now);
      note_compared(noted);
      __atomic_store_n(&comparing, false, __ATOMIC_RELEASE);
    }
    gate_ask_end();
  }
  return __atomic_load_n(&epoch, __ATOMIC_RELAXED);
}

/* ---- The table. ---- */

#define NO_ENTRY STATS_MODULES

/* The number of the youngest open entry of the object at `address`. */
static unsigned entry_of(const struct stats_block *b, uintptr_t address) {
  unsigned found = NO_ENTRY;
  for (unsigned i = 0; i < STATS_MODULES; i++) {
    const uint64_t size = __atomic_load_n(&b->modules[i].size, __ATOMIC_ACQUIRE);
    if (size == 0) break;
    if (address - b->modules[i].base < size && !__atomic_load_n(&closed[i], __ATOMIC_RELAXED)) found = i;
  }
  return found;
}

/* Whether the object has an entry; with `serves`, one that says so. */
static bool is_known(const struct stats_block *b, uintptr_t address, bool serves) {
  const unsigned i = entry_of(b, address);
  return i != NO_ENTRY && (!serves || b->modules[i].serves != 0);
}

struct mapping {
  uintptr_t address;
  struct stats_module *found;
};

/* Up to the mapping that decides. */
static bool decides(const struct maps_region *region, void *context) {
  const struct mapping *mapping = context;
  if (mapping->address >= region->end) return false;
  if (mapping->address < region->start || !region->executable) return true;
  static_assert(MAPS_PATH <= STATS_TEXT, "a module's path fits");
  mapping->found->base = region->start;
  mapping->found->size = region->end - region->start;
  mapping->found->offset = region->offset;
  strcpy(mapping->found->path, region->path[0] != '\0' ? region->path : "[anonymous]");
  return true;
}

/*
 * The mapping that `address` lies in, but its build id and epoch. False: there is none, or it holds no code. Not by maps_find, which would need a second
 * path on the stack: stacks of coroutines are small.
 */
static bool find_mapping(uintptr_t address, struct stats_module *found) {
  found->size = 0;
  return maps_each(decides, &(struct mapping){address, found}) && found->size != 0;
}

/* Enters `module`. Returns its new or changed entry; NULL if nothing changed or the table is full. Under the lock. */
static const struct stats_module *enter(struct stats_block *b, const struct stats_module *module, bool listed, uintptr_t added) {
  unsigned count = 0, last = STATS_MODULES; /* the youngest entry at these addresses */
  for (; count < STATS_MODULES && b->modules[count].size != 0; count++) {
    const struct stats_module *old = &b->modules[count];
    if (old->base < module->base + module->size && module->base < old->base + old->size) last = count;
  }
  if (last < STATS_MODULES) {
    struct stats_module *old = &b->modules[last];
    if (old->base == module->base && old->size == module->size && old->offset == module->offset && strcmp(old->path, module->path) == 0 &&
        strcmp(old->build_id, module->build_id) == 0) {
      __atomic_store_n(&closed[last], false, __ATOMIC_RELAXED); /* loaded again */
      if (module->serves == old->serves) return NULL;
      old->serves = module->serves;
      return old;
    }
  }
  if (count == STATS_MODULES) {
    b->modules_missed++;
    return NULL;
  }
  struct stats_module *new = &b->modules[count];
  new->base = module->base;
  new->offset = module->offset;
  new->epoch = module->epoch;
  new->serves = module->serves;
  strcpy(new->path, module->path);
  strcpy(new->build_id, module->build_id);
  __atomic_store_n(&closed[count], false, __ATOMIC_RELAXED);
  __atomic_store_n(&unlisted[count], !listed, __ATOMIC_RELAXED);
  bias[count] = added;
  __atomic_store_n(&new->size, module->size, __ATOMIC_RELEASE); /* last: readers without the lock check it first */
  return new;
}

static void tell(const struct stats_module *module) {
  EVENT(module, .base = (void *)module->base, .size = module->size, .offset = module->offset, .path = module->path, .epoch = module->epoch,
        .build_id = module->build_id, .serves = module->serves);
}

static void record(uintptr_t address, uint32_t in_epoch, bool serves) {
  struct stats_block *b = stats_block();
  if (is_known(b, address, serves)) return;
  struct stats_module found = {.epoch = in_epoch, .serves = serves};
  struct search search = {.address = address, .build_id = found.build_id};
  bool listed = true;
  if (gate_ask()) {
    listed = dl_iterate_phdr(find_object, &search) != 0;
    gate_ask_end();
  }
  if (!find_mapping(address, &found) || !lock_take_within(&lock, LOCK_WAIT_MS)) return;
  const struct stats_module *new = !is_known(b, address, serves) ? enter(b, &found, listed, search.bias) : NULL;
  lock_release(&lock);
  if (new != NULL) tell(new);
}

void modules_record(const uintptr_t *frames, uint32_t count, uint32_t in_epoch) {
  for (uint32_t f = 0; f < count; f++) record(frames[f], in_epoch, false);
}

/* ---- Code that was made at run time. ---- */

bool modules_is_made(uintptr_t address) {
  const unsigned i = entry_of(stats_block(), address);
  return i != NO_ENTRY && __atomic_load_n(&unlisted[i], __ATOMIC_RELAXED);
}

void modules_note_made(uintptr_t address) {
  const unsigned i = entry_of(stats_block(), address);
  if (i != NO_ENTRY) __atomic_store_n(&unlisted[i], true, __ATOMIC_RELAXED);
}

bool modules_hold(uintptr_t address) { return is_known(stats_block(), address, false); }

/* Whether the address lies in the object's code: the words of a guessed record may point at its data. */
static int find_holder(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size;
  return holds_as(info, (uintptr_t)data, PF_X);
}

bool modules_is_listed(uintptr_t address) { return dl_iterate_phdr(find_holder, (void *)address) != 0; }

bool modules_have_room(void) { return __atomic_load_n(&stats_block()->modules[STATS_MODULES - 1].size, __ATOMIC_RELAXED) == 0; }

/* ---- Other allocators. ---- */

#define ALLOCATORS_MAX 8
struct allocators {
  bool listed;      /* any object */
  bool own_reached; /* the object that this function is in */
  uintptr_t serves; /* code of the object whose malloc the process calls; 0: it calls hakmem's */
  uint32_t count;
  uintptr_t code[ALLOCATORS_MAX];
};

/* An address in the code of the object; 0: it has none. */
static uintptr_t code_of(const struct dl_phdr_info *info) {
  for (int i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *p = &info->dlpi_phdr[i];
    if (p->p_type == PT_LOAD && (p->p_flags & PF_X) != 0) return info->dlpi_addr + p->p_vaddr;
  }
  return 0;
}

/*
 * The loader lists objects in the order in which it looks for a name: the program, those of LD_PRELOAD, then libraries. So the process calls the malloc of
 * the first object that defines one, usually libhakmem.so. An allocator that is linked into the program comes before it.
 */
static void find_serving(const struct dl_phdr_info *info, struct allocators *found) {
  if (found->own_reached || found->serves != 0) return;
  found->own_reached = holds(info, (uintptr_t)modules_record_allocators);
  if (found->own_reached) return;
  if (object_defines(info, "malloc")) found->serves = code_of(info);
}

/* Keeps an address in the code of another allocator's object. */
static int find_allocator(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size;
  static const struct { const char *file, *name; } known[] = {ALLOCATOR_FILES(ALLOCATOR_ENTRY)};
  struct allocators *found = data;
  found->listed = true;
  find_serving(info, found);
  const char *slash = info->dlpi_name != NULL ? strrchr(info->dlpi_name, '/') : NULL;
  if (slash == NULL) return 0; /* the program or the kernel's object */
  for (size_t i = 0; i < ARRAY_LENGTH(known); i++) {
    if (strncmp(slash + 1, known[i].file, strlen(known[i].file)) != 0) continue;
    if (found->count < ALLOCATORS_MAX) found->code[found->count++] = code_of(info);
  }
  return found->count == ALLOCATORS_MAX;
}

static bool opening; /* atomic; since the last search */

/* A new object may take the place of one whose unload was not noted. */
void hub_on_opening(void) {
  __atomic_store_n(&looks, LOOKS_AT_OPENING, __ATOMIC_RELAXED);
  modules_note_unload();
  __atomic_store_n(&opening, true, __ATOMIC_RELAXED);
}

void modules_record_allocators(void) {
  static bool recorded;
  struct allocators found = {0};
  const bool opened = __atomic_exchange_n(&opening, false, __ATOMIC_RELAXED);
  if (recorded && !opened && __atomic_load_n(&loads_are_noted, __ATOMIC_RELAXED)) return;
  if (!gate_ask()) {
    if (opened) __atomic_store_n(&opening, true, __ATOMIC_RELAXED);
    return;
  }
  dl_iterate_phdr(find_allocator, &found);
  recorded = found.listed;
  const uint32_t now = found.count != 0 || found.serves != 0 ? modules_epoch() : 0;
  gate_ask_end();
  if (found.serves != 0) record(found.serves, now, true);
  modules_record(found.code, found.count, now);
}

/* ---- Operators of C++. ---- */

/* libstdc++ and LLVM's libraries, with the names that Android and FreeBSD give these. */
static bool is_cxx_library(const char *path) {
  const char *const slash = path != NULL ? strrchr(path, '/') : NULL;
  static const char *const names[] = {"/libstdc++.", "/libc++.", "/libc++abi.", "/libc++_shared.", "/libcxxrt."};
  for (size_t i = 0; slash != NULL && i < ARRAY_LENGTH(names); i++) {
    if (strncmp(slash, names[i], strlen(names[i])) == 0) return true;
  }
  return false;
}

static int find_operators(struct dl_phdr_info *info, size_t size, void *data) {
  (void)size;
  if (holds(info, (uintptr_t)data) || is_cxx_library(info->dlpi_name)) return 0;
  static const char *const basic[] = {"_Znwm", "_ZdlPv", "_Znam", "_ZdaPv"};
  for (size_t i = 0; i < ARRAY_LENGTH(basic); i++) {
    if (object_defines(info, basic[i])) return 1;
  }
  return 0;
}

/*
 * Looks anew when the loader has added objects. Once true, it stays so, because blocks outlive an object. Also true if the loader cannot be asked now: a
 * program that is right must not be stopped.
 */
bool hub_on_operators_elsewhere(void) {
  static uint64_t looked; /* both are atomic */
  static bool found;
  if (__atomic_load_n(&found, __ATOMIC_RELAXED)) return true;
  if (!gate_ask()) return true;
  uint64_t now = 0;
  dl_iterate_phdr(read_generation, &now);
  if (now != __atomic_load_n(&looked, __ATOMIC_ACQUIRE)) {
    if (dl_iterate_phdr(find_operators, (void *)(uintptr_t)hub_on_operators_elsewhere) != 0) __atomic_store_n(&found, true, __ATOMIC_RELAXED);
    __atomic_store_n(&looked, now, __ATOMIC_RELEASE);
  }
  gate_ask_end();
  return __atomic_load_n(&found, __ATOMIC_RELAXED);
}

/* Finds the module in the same way as tools/model/model.c. */
const char *modules_path(uintptr_t address, uint32_t in_epoch, uintptr_t *own) {
  const struct stats_block *b = stats_block();
  const char *path = NULL;
  for (unsigned i = 0; i < STATS_MODULES && __atomic_load_n(&b->modules[i].size, __ATOMIC_ACQUIRE) != 0; i++) {
    const struct stats_module *module = &b->modules[i];
    if (address - module->base >= module->size || module->epoch > in_epoch) continue;
    path = module->path;
    *own = address - bias[i];
  }
  return path;
}

void modules_tell_again(void) {
  const struct stats_block *b = stats_block();
  for (unsigned i = 0; i < STATS_MODULES && __atomic_load_n(&b->modules[i].size, __ATOMIC_ACQUIRE) != 0; i++) tell(&b->modules[i]);
}

const struct lock_row hub_modules_locks = LOCK_ROW(lock);
void modules_fork_child(void) { comparing = false; }
