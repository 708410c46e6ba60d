/*
 * cxx.c: C++'s operators new and delete, every form that a program may replace, by their names in the Itanium C++ ABI. They are malloc and free, and
 * besides: the debugging mode knows who made a block, and delete's size is compared. If there is no memory, the C++ library's own
 * operator takes over: it asks malloc again, calls the new handler and throws. So nothing here needs C++.
 *
 * A program may replace some forms and rely on the others to call them. The standard says which form calls which:
 *
 *   new[]               -> new               delete[]               -> delete
 *   new nothrow         -> new               delete nothrow, sized  -> delete
 *   new[] nothrow       -> new[]             delete[] nothrow, sized -> delete[]
 *
 * and the same once more for the aligned forms. The forms on the right, and new[] and delete[], are the basic forms. As long as every basic form is
 * ours (`whole`), all forms take the short path. Otherwise each form calls what the program has in the place of the one that it rests on.
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

/* ---- Whose the operators are. ---- */

/*
 * The forms by their public names, which lead to the program's own if it has any, and by hidden ones, which lead to those of this file. A compiler
 * that may take the one for the other (-fno-semantic-interposition) does not know that they are the same: the public ones have C names of their own.
 */
#define FORMS(F)                                                                                                                    \
  F(new_one, "_Znwm", void *, (size_t size))                                                                                        \
  F(new_array, "_Znam", void *, (size_t size))                                                                                      \
  F(new_one_aligned, "_Znwm" ALIGN, void *, (size_t size, size_t align))                                                            \
  F(new_array_aligned, "_Znam" ALIGN, void *, (size_t size, size_t align))                                                          \
  F(delete_one, "_ZdlPv", void, (void *p))                                                                                          \
  F(delete_array, "_ZdaPv", void, (void *p))                                                                                        \
  F(delete_one_aligned, "_ZdlPv" ALIGN, void, (void *p, size_t align))                                                              \
  F(delete_array_aligned, "_ZdaPv" ALIGN, void, (void *p, size_t align))
/* What no other form rests on. */
#define FORMS_AT_THE_END(F)                                                                                                         \
  F(new_one_nothrow, "_Znwm" NOTHROW, void *, (size_t size, const void *nothrow))                                                   \
  F(new_array_nothrow, "_Znam" NOTHROW, void *, (size_t size, const void *nothrow))                                                 \
  F(new_one_aligned_nothrow, "_Znwm" ALIGN NOTHROW, void *, (size_t size, size_t align, const void *nothrow))                       \
  F(new_array_aligned_nothrow, "_Znam" ALIGN NOTHROW, void *, (size_t size, size_t align, const void *nothrow))                     \
  F(delete_one_nothrow, "_ZdlPv" NOTHROW, void, (void *p, const void *nothrow))                                                     \
  F(delete_array_nothrow, "_ZdaPv" NOTHROW, void, (void *p, const void *nothrow))                                                   \
  F(delete_one_sized, "_ZdlPvm", void, (void *p, size_t size))                                                                      \
  F(delete_array_sized, "_ZdaPvm", void, (void *p, size_t size))                                                                    \
  F(delete_one_aligned_nothrow, "_ZdlPv" ALIGN NOTHROW, void, (void *p, size_t align, const void *nothrow))                         \
  F(delete_array_aligned_nothrow, "_ZdaPv" ALIGN NOTHROW, void, (void *p, size_t align, const void *nothrow))                       \
  F(delete_one_sized_aligned, "_ZdlPvm" ALIGN, void, (void *p, size_t size, size_t align))                                          \
  F(delete_array_sized_aligned, "_ZdaPvm" ALIGN, void, (void *p, size_t size, size_t align))

#define DECLARE_FORM(form, letters, type, arguments)                                                                                \
  EXPORT type form arguments __asm__(letters);                                                                                      \
  extern type the_##form arguments __asm__(letters) EXPORT;                                                                         \
  extern type own_##form arguments __attribute__((alias(letters), visibility("hidden")));
FORMS(DECLARE_FORM)
FORMS_AT_THE_END(DECLARE_FORM)

/*
 * What each name leads to in this process, and what it leads to if nobody replaces it. The loader fills this in before anything runs. Volatile: the
 * compiler takes two names for two functions, and would answer without looking.
 */
#define FORM_ENTRY(form, letters, type, arguments) {(void *)the_##form, (void *)own_##form},
static const struct { void *volatile found, *own; } basic_forms[] = {FORMS(FORM_ENTRY)}, other_forms[] = {FORMS_AT_THE_END(FORM_ENTRY)};

static bool whole; /* the program replaces none of the basic forms; false: not yet known. Read plainly: an atomic load costs one instruction more. */

static NOINLINE bool find_whole(void) {
  for (size_t i = 0; i < ARRAY_LENGTH(basic_forms); i++) {
    if (basic_forms[i].found != basic_forms[i].own) return false;
  }
  __atomic_store_n(&whole, true, __ATOMIC_RELAXED);
  return true;
}

ALWAYS_INLINE bool is_whole(void) { return LIKELY(whole) || find_whole(); }

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

/*
 * The nothrow forms return NULL, but not before they called the new handler. `basic`: the form that they rest on, which is asked at last if there is no C++
 * library to ask it and to catch what it throws.
 */
static NOINLINE void *fail_quietly(const char *name, void *basic(size_t), size_t size, const void *nothrow) {
  void *(*const operator)(size_t, const void *) = (void *(*)(size_t, const void *))(uintptr_t)next(name);
  if (operator != NULL) return operator(size, nothrow);
  return is_whole() ? NULL : basic(size);
}

static NOINLINE void *fail_quietly_aligned(const char *name, void *basic(size_t, size_t), size_t size, size_t align, const void *nothrow) {
  void *(*const operator)(size_t, size_t, const void *) = (void *(*)(size_t, size_t, const void *))(uintptr_t)next(name);
  if (operator != NULL) return operator(size, align, nothrow);
  return is_whole() ? NULL : basic(size, align);
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

/*
 * `rest`: the form that the array form rests on. The nothrow forms must catch what a form of the program's throws, and only C++ can: the C++
 * library's own nothrow forms do that, and call the form of the program's that the standard wants.
 */
#define NEW(word, letters, family, direct, rest, rest_aligned)                                                                      \
  HOT void *word(size_t size) {                                                                                                     \
    if (!(direct)) return rest(size);                                                                                               \
    void *block = make(size, family);                                                                                               \
    return LIKELY(block != NULL) ? block : fail(letters "m", size);                                                                 \
  }                                                                                                                                 \
  void *word##_nothrow(size_t size, const void *nothrow) {                                                                          \
    void *block = is_whole() ? make(size, family) : NULL;                                                                           \
    return LIKELY(block != NULL) ? block : fail_quietly(letters "m" NOTHROW, the_##word, size, nothrow);                            \
  }                                                                                                                                 \
  void *word##_aligned(size_t size, size_t align) {                                                                                 \
    if (!(direct)) return rest_aligned(size, align);                                                                                \
    void *block = make_aligned(size, align, family);                                                                                \
    return LIKELY(block != NULL) ? block : fail_aligned(letters "m" ALIGN, size, align);                                            \
  }                                                                                                                                 \
  void *word##_aligned_nothrow(size_t size, size_t align, const void *nothrow) {                                                    \
    void *block = is_whole() ? make_aligned(size, align, family) : NULL;                                                            \
    return LIKELY(block != NULL) ? block                                                                                            \
                                 : fail_quietly_aligned(letters "m" ALIGN NOTHROW, the_##word##_aligned, size, align, nothrow);     \
  }

NEW(new_one, "_Znw", FAMILY_NEW, true, the_new_one, the_new_one_aligned)
NEW(new_array, "_Zna", FAMILY_NEW_ARRAY, is_whole(), the_new_one, the_new_one_aligned)

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

#define DELETE(word, letters, family, direct, rest, rest_aligned)                                                                   \
  HOT void word(void *p) {                                                                                                          \
    if (!(direct)) return rest(p);                                                                                                  \
    drop(p, family);                                                                                                                \
  }                                                                                                                                 \
  void word##_nothrow(void *p, const void *nothrow) {                                                                               \
    (void)nothrow;                                                                                                                  \
    if (!is_whole()) return the_##word(p);                                                                                          \
    drop(p, family);                                                                                                                \
  }                                                                                                                                 \
  HOT void word##_sized(void *p, size_t size) {                                                                                     \
    if (!is_whole()) return the_##word(p);                                                                                          \
    if (!size_fits(p, size)) check_size(p, MIN_ALIGN, size, family);                                                                \
    drop(p, family);                                                                                                                \
  }                                                                                                                                 \
  void word##_aligned(void *p, size_t align) {                                                                                      \
    if (!(direct)) return rest_aligned(p, align);                                                                                   \
    drop(p, family);                                                                                                                \
  }                                                                                                                                 \
  void word##_aligned_nothrow(void *p, size_t align, const void *nothrow) {                                                         \
    (void)nothrow;                                                                                                                  \
    if (!is_whole()) return the_##word##_aligned(p, align);                                                                         \
    drop(p, family);                                                                                                                \
  }                                                                                                                                 \
  void word##_sized_aligned(void *p, size_t size, size_t align) {                                                                   \
    if (!is_whole()) return the_##word##_aligned(p, align);                                                                         \
    check_size(p, align, size, family);                                                                                             \
    drop(p, family);                                                                                                                \
  }

DELETE(delete_one, "_Zdl", FAMILY_NEW, true, the_delete_one, the_delete_one_aligned)
DELETE(delete_array, "_Zda", FAMILY_NEW_ARRAY, is_whole(), the_delete_one, the_delete_one_aligned)

/*
 * Whether all of the process's operators are these. A program may bring its own, of which some may call malloc or free: nothing is to be said then of
 * who made what.
 */
static bool are_ours(void) {
  for (size_t i = 0; i < ARRAY_LENGTH(other_forms); i++) {
    if (other_forms[i].found != other_forms[i].own) return false;
  }
  return is_whole();
}

__attribute__((constructor(102))) static void start_cxx(void) {
  if ((debug_on() || guard_rate != 0) && are_ours()) record_know_families();
}
