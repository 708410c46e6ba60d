/*
 * cxx.c: C++'s operators new and delete, every form that a program may replace, by their names in the Itanium C++ ABI. They are malloc and free, and
 * besides: the debugging mode knows who made a block, and delete's size is compared. Where there is no memory, the C++ library's own
 * operator takes over: it asks malloc again, calls the new handler and throws. So nothing here needs C++.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "alloc.h"
#include "debug.h"
#include "events.h"
#include "front.h"
#include "guard.h"
#include "message.h"
#include "records.h"

static_assert(sizeof(size_t) == sizeof(unsigned long), "size_t is `m` in the names below");

#define ALIGN "St11align_val_t"
#define NOTHROW "RKSt9nothrow_t"

/* ---- No memory. ---- */

/*
 * The C++ library's operator `name`, NULL where the process has none. A program in C may have opened a library in C++ for itself: then it
 * does not stand behind this library in the order of all.
 */
static void *next(const char *name) {
  static const char *const libraries[] = {"libstdc++.so.6", "libc++.so.1"};
  void *found = dlsym(RTLD_NEXT, name);
  for (size_t i = 0; found == NULL && i < ARRAY_LENGTH(libraries); i++) {
    void *library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);
    if (library == NULL) continue;
    found = dlsym(library, name);
    dlclose(library); /* it stays: others have it open */
  }
  return found;
}

static NOINLINE void *fail(const char *name, size_t size) {
  void *(*const operator)(size_t) = (void *(*)(size_t))(uintptr_t)next(name);
  if (operator != NULL) return operator(size);
  message_say("operator new: there is no memory, and no C++ library to throw std::bad_alloc");
  abort();
}

static NOINLINE void *fail_aligned(const char *name, size_t size, size_t align) {
  void *(*const operator)(size_t, size_t) = (void *(*)(size_t, size_t))(uintptr_t)next(name);
  if (operator != NULL) return operator(size, align);
  message_say("operator new: there is no memory, and no C++ library to throw std::bad_alloc");
  abort();
}

/* These return NULL, but not before they called the new handler. */
static NOINLINE void *fail_quietly(const char *name, size_t size, const void *nothrow) {
  void *(*const operator)(size_t, const void *) = (void *(*)(size_t, const void *))(uintptr_t)next(name);
  return operator != NULL ? operator(size, nothrow) : NULL;
}

static NOINLINE void *fail_quietly_aligned(const char *name, size_t size, size_t align, const void *nothrow) {
  void *(*const operator)(size_t, size_t, const void *) = (void *(*)(size_t, size_t, const void *))(uintptr_t)next(name);
  return operator != NULL ? operator(size, align, nothrow) : NULL;
}

/* ---- new ---- */

static NOINLINE void *make_slow(size_t size, enum block_family family) {
  void *block = alloc_slow(size);
  if (block != NULL) front_mark(block, family);
  return block;
}

ALWAYS_INLINE void *make(size_t size, enum block_family family) {
  struct block *block = LIKELY(size <= SMALL_MAX) ? pop_fast(class_of_size(size)) : NULL;
  return LIKELY(block != NULL) ? block : make_slow(size, family);
}

static void *make_aligned(size_t size, size_t align, enum block_family family) {
  void *block = is_power_of_two(align) ? alloc_aligned(align, size) : NULL;
  if (block != NULL) front_mark(block, family);
  return block;
}

#define NEW(word, letters, family)                                                                                                  \
  EXPORT void *word(size_t size) __asm__(letters "m");                                                                              \
  HOT void *word(size_t size) {                                                                                                     \
    void *block = make(size, family);                                                                                               \
    return LIKELY(block != NULL) ? block : fail(letters "m", size);                                                                 \
  }                                                                                                                                 \
  EXPORT void *word##_nothrow(size_t size, const void *nothrow) __asm__(letters "m" NOTHROW);                                       \
  EXPORT void *word##_nothrow(size_t size, const void *nothrow) {                                                                   \
    void *block = make(size, family);                                                                                               \
    return LIKELY(block != NULL) ? block : fail_quietly(letters "m" NOTHROW, size, nothrow);                                        \
  }                                                                                                                                 \
  EXPORT void *word##_aligned(size_t size, size_t align) __asm__(letters "m" ALIGN);                                                \
  EXPORT void *word##_aligned(size_t size, size_t align) {                                                                          \
    void *block = make_aligned(size, align, family);                                                                                \
    return LIKELY(block != NULL) ? block : fail_aligned(letters "m" ALIGN, size, align);                                            \
  }                                                                                                                                 \
  EXPORT void *word##_aligned_nothrow(size_t size, size_t align, const void *nothrow) __asm__(letters "m" ALIGN NOTHROW);           \
  EXPORT void *word##_aligned_nothrow(size_t size, size_t align, const void *nothrow) {                                             \
    void *block = make_aligned(size, align, family);                                                                                \
    return LIKELY(block != NULL) ? block : fail_quietly_aligned(letters "m" ALIGN NOTHROW, size, align, nothrow);                   \
  }

NEW(new_one, "_Znw", FAMILY_NEW)
NEW(new_array, "_Zna", FAMILY_NEW_ARRAY)

/* ---- delete ---- */

static NOINLINE void drop_slow(void *p, enum block_family family) {
  if (p != NULL) front_given(p, family);
  free_slow(p);
}

/* The size that delete was told is not what the block's class says at a glance. */
static NOINLINE void check_size(void *p, size_t align, size_t size, enum block_family family) {
  if (p != NULL && front_given(p, family)) alloc_check_size(p, align, size);
}

ALWAYS_INLINE void drop(void *p, enum block_family family) {
  if (UNLIKELY(!push_fast(p))) drop_slow(p, family);
}

#define DELETE(word, letters, family)                                                                                               \
  EXPORT void word(void *p) __asm__(letters "Pv");                                                                                  \
  HOT void word(void *p) { drop(p, family); }                                                                                       \
  EXPORT void word##_nothrow(void *p, const void *nothrow) __asm__(letters "Pv" NOTHROW);                                           \
  EXPORT void word##_nothrow(void *p, const void *nothrow) { (void)nothrow, drop(p, family); }                                      \
  EXPORT void word##_sized(void *p, size_t size) __asm__(letters "Pvm");                                                            \
  HOT void word##_sized(void *p, size_t size) {                                                                                     \
    if (!size_fits(p, size)) check_size(p, MIN_ALIGN, size, family);                                                                \
    drop(p, family);                                                                                                                \
  }                                                                                                                                 \
  EXPORT void word##_aligned(void *p, size_t align) __asm__(letters "Pv" ALIGN);                                                    \
  EXPORT void word##_aligned(void *p, size_t align) { (void)align, drop(p, family); }                                               \
  EXPORT void word##_aligned_nothrow(void *p, size_t align, const void *nothrow) __asm__(letters "Pv" ALIGN NOTHROW);               \
  EXPORT void word##_aligned_nothrow(void *p, size_t align, const void *nothrow) { (void)align, (void)nothrow, drop(p, family); }   \
  EXPORT void word##_sized_aligned(void *p, size_t size, size_t align) __asm__(letters "Pvm" ALIGN);                                \
  EXPORT void word##_sized_aligned(void *p, size_t size, size_t align) {                                                            \
    check_size(p, align, size, family);                                                                                             \
    drop(p, family);                                                                                                                \
  }

DELETE(delete_one, "_Zdl", FAMILY_NEW)
DELETE(delete_array, "_Zda", FAMILY_NEW_ARRAY)

/*
 * Whether the process's operators are these. A program may bring its own, of which some may call malloc or free: nothing is to be said then of who
 * made what. The names above may be the program's here, too: asked is in which object lies what they lead to.
 */
static bool are_ours(void) {
  static const char *const names[] = {"_Znwm", "_Znam", "_ZdlPv", "_ZdaPv", "_ZdlPvm", "_ZdaPvm"};
  Dl_info own, found;
  if (dladdr((void *)(uintptr_t)are_ours, &own) == 0) return false;
  for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
    if (dladdr(dlsym(RTLD_DEFAULT, names[i]), &found) == 0 || found.dli_fbase != own.dli_fbase) return false;
  }
  return true;
}

__attribute__((constructor(102))) static void start_cxx(void) {
  if ((debug_on() || guard_rate != 0) && are_ours()) record_know_families();
}
