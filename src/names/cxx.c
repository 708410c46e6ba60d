/*
 * cxx.c: C++'s operators new and delete, every form that a program may replace, by their names in the Itanium C++ ABI. They are malloc and free, with two
 * additions: the debugging mode records the family that allocated a block, and delete's size is checked. If memory runs out, the C++ library's own
 * operator runs: it calls malloc again, then the new handler, and throws. So nothing here needs C++.
 *
 * A program may replace some forms and rely on the others to call them. The standard says which form calls which:
 *
 *   new[]               -> new               delete[]               -> delete
 *   new nothrow         -> new               delete nothrow, sized  -> delete
 *   new[] nothrow       -> new[]             delete[] nothrow, sized -> delete[]
 *
 * and the same for the aligned forms. The forms on the right, and new[] and delete[], are the basic forms. If every basic form is
 * ours (`whole`), all forms take the short path. Otherwise each form calls the program's version of the form that it rests on.
 */
#include <dlfcn.h>
#include <stdlib.h>

#include "alloc/alloc.h"
#include "events.h"
#include "alloc/front.h"
#include "platform/message.h"
#include "operators.h"
#include "checks/records.h"

/* The forms of this file under names that the program cannot replace. */
#define DECLARE_FORM(form, letters, type, arguments) \
  EXPORT type form arguments __asm__(letters); \
  extern type own_##form arguments __attribute__((alias(letters), visibility("hidden")));
BASIC_FORMS(DECLARE_FORM)
OTHER_FORMS(DECLARE_FORM)

/* ---- Which operators the program replaces. ---- */

/* clang-format off */ /* it reads && as a C++ reference */
#define AND_IS_OWN(form, letters, type, arguments) && operators.form == own_##form
/* clang-format on */

static bool whole; /* the program replaces no basic form; false also before the first check. A plain read: an atomic one costs one more instruction. */

static NOINLINE bool find_whole(void) {
  if (!(true BASIC_FORMS(AND_IS_OWN))) return false;
  __atomic_store_n(&whole, true, __ATOMIC_RELAXED);
  return true;
}

/*
 * A form that rests on another one first tests `whole`: usually a test and a jump that is not taken. If `whole` is false, this function checks the forms
 * again. If all are ours after all, it calls the form itself; else `rest`. It is a function of its own so that the short path needs no stack.
 */
#define RESTS(form, type, rest, declared, given) \
  static NOINLINE type form##_rests declared { \
    if (find_whole()) return own_##form given; \
    return rest; \
  }
#define UNLESS_WHOLE(form, given) \
  if (UNLIKELY(!whole)) return form##_rests given

/* ---- Out of memory. ---- */

/*
 * The C++ library's operator `name`, NULL if the process has none. A program in C may have opened a C++ library with dlopen: then RTLD_NEXT does not
 * find it.
 */
static void *next(const char *name) {
  static const char *const libraries[] = {"libstdc++.so.6", "libc++.so.1"};
  void *found = dlsym(RTLD_NEXT, name);
  for (size_t i = 0; found == NULL && i < ARRAY_LENGTH(libraries); i++) {
    void *library = dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);
    if (library == NULL) continue;
    found = dlsym(library, name);
    dlclose(library); /* it stays loaded: its users have it open */
  }
  return found;
}

static NOINLINE void *fail(const char *name, size_t size) {
  void *(*const theirs)(size_t) = (void *(*)(size_t))(uintptr_t)next(name);
  if (theirs != NULL) return theirs(size);
  message_say("operator new: there is no memory, and no C++ library to throw std::bad_alloc");
  abort();
}

static NOINLINE void *fail_aligned(const char *name, size_t size, size_t align) {
  void *(*const theirs)(size_t, size_t) = (void *(*)(size_t, size_t))(uintptr_t)next(name);
  if (theirs != NULL) return theirs(size, align);
  message_say("operator new: there is no memory, and no C++ library to throw std::bad_alloc");
  abort();
}

/*
 * The nothrow forms call the new handler before they return NULL. That needs the C++ library, which catches exceptions. Without it, `basic`, the form that
 * they rest on, is called if the program replaces it.
 */
static NOINLINE void *fail_quietly(const char *name, void *basic(size_t), size_t size, const void *nothrow) {
  void *(*const theirs)(size_t, const void *) = (void *(*)(size_t, const void *))(uintptr_t)next(name);
  if (theirs != NULL) return theirs(size, nothrow);
  return find_whole() ? NULL : basic(size);
}

static NOINLINE void *fail_quietly_aligned(const char *name, void *basic(size_t, size_t), size_t size, size_t align, const void *nothrow) {
  void *(*const theirs)(size_t, size_t, const void *) = (void *(*)(size_t, size_t, const void *))(uintptr_t)next(name);
  if (theirs != NULL) return theirs(size, align, nothrow);
  return find_whole() ? NULL : basic(size, align);
}

/* ---- new ---- */

static void *make_slow(size_t size, enum block_family family, uint64_t start) {
  void *block = alloc_slow(size, start);
  if (MODE(front) && block != NULL) front_mark(block, family);
  return block;
}

/* NULL: take the slow path. */
ALWAYS_INLINE void *make_fast(size_t size) { return LIKELY(size <= SMALL_MAX) ? pop_fast(class_of_size(size)) : NULL; }

static void *make_aligned(size_t size, size_t align, enum block_family family) {
  void *block = is_power_of_two(align) ? alloc_aligned(align, size) : NULL;
  if (MODE(front) && block != NULL) front_mark(block, family);
  return block;
}

/*
 * `rests`: whether the plain forms rest on others. The nothrow forms must catch exceptions of the program's forms, and only C++ can. So they call the C++
 * library's nothrow forms, which catch them, and call the program's form that the standard requires.
 *
 * The slow path and the failure are in one function, called last. So the fast path saves no registers.
 */
#define NEW(word, letters, family, rests) \
  RESTS(word, void *, operators.new_one(size), (size_t size), (size)) \
  static NOINLINE void *word##_slow(size_t size, uint64_t start) { \
    void *block = make_slow(size, family, start); \
    return LIKELY(block != NULL) ? block : fail(letters "m", size); \
  } \
  HOT void *word(size_t size) { \
    if (rests) UNLESS_WHOLE(word, (size)); \
    void *block = make_fast(size); \
    return LIKELY(block != NULL) ? block : word##_slow(size, hub_ticks_here()); \
  } \
  static void *word##_quietly(size_t size, const void *nothrow) { return fail_quietly(letters "m" NOTHROW, operators.word, size, nothrow); } \
  RESTS(word##_nothrow, void *, word##_quietly(size, nothrow), (size_t size, const void *nothrow), (size, nothrow)) \
  static NOINLINE void *word##_nothrow_slow(size_t size, const void *nothrow) { \
    void *block = make_slow(size, family, hub_ticks_here()); \
    return LIKELY(block != NULL) ? block : word##_quietly(size, nothrow); \
  } \
  void *word##_nothrow(size_t size, const void *nothrow) { \
    UNLESS_WHOLE(word##_nothrow, (size, nothrow)); \
    void *block = make_fast(size); \
    return LIKELY(block != NULL) ? block : word##_nothrow_slow(size, nothrow); \
  } \
  RESTS(word##_aligned, void *, operators.new_one_aligned(size, align), (size_t size, size_t align), (size, align)) \
  void *word##_aligned(size_t size, size_t align) { \
    if (rests) UNLESS_WHOLE(word##_aligned, (size, align)); \
    void *block = make_aligned(size, align, family); \
    return LIKELY(block != NULL) ? block : fail_aligned(letters "m" ALIGN, size, align); \
  } \
  static void *word##_aligned_quietly(size_t size, size_t align, const void *nothrow) { \
    return fail_quietly_aligned(letters "m" ALIGN NOTHROW, operators.word##_aligned, size, align, nothrow); \
  } \
  RESTS(word##_aligned_nothrow, void *, word##_aligned_quietly(size, align, nothrow), (size_t size, size_t align, const void *nothrow), \
        (size, align, nothrow)) \
  void *word##_aligned_nothrow(size_t size, size_t align, const void *nothrow) { \
    UNLESS_WHOLE(word##_aligned_nothrow, (size, align, nothrow)); \
    void *block = make_aligned(size, align, family); \
    return LIKELY(block != NULL) ? block : word##_aligned_quietly(size, align, nothrow); \
  }

NEW(new_one, "_Znw", FAMILY_NEW, false)
NEW(new_array, "_Zna", FAMILY_NEW_ARRAY, true)

/* ---- delete ---- */

#define DELETE(word, letters, family, rests) \
  RESTS(word, void, operators.delete_one(p), (void *p), (p)) \
  HOT void word(void *p) { \
    if (rests) UNLESS_WHOLE(word, (p)); \
    free_by(p, family); \
  } \
  RESTS(word##_nothrow, void, operators.word(p), (void *p, const void *nothrow), (p, nothrow)) \
  void word##_nothrow(void *p, const void *nothrow) { \
    UNLESS_WHOLE(word##_nothrow, (p, nothrow)); \
    free_by(p, family); \
  } \
  RESTS(word##_sized, void, operators.word(p), (void *p, size_t size), (p, size)) \
  HOT void word##_sized(void *p, size_t size) { \
    UNLESS_WHOLE(word##_sized, (p, size)); \
    free_sized_by(p, size, family); \
  } \
  RESTS(word##_aligned, void, operators.delete_one_aligned(p, align), (void *p, size_t align), (p, align)) \
  void word##_aligned(void *p, size_t align) { \
    if (rests) UNLESS_WHOLE(word##_aligned, (p, align)); \
    free_by(p, family); \
  } \
  RESTS(word##_aligned_nothrow, void, operators.word##_aligned(p, align), (void *p, size_t align, const void *nothrow), (p, align, nothrow)) \
  void word##_aligned_nothrow(void *p, size_t align, const void *nothrow) { \
    UNLESS_WHOLE(word##_aligned_nothrow, (p, align, nothrow)); \
    free_by(p, family); \
  } \
  RESTS(word##_sized_aligned, void, operators.word##_aligned(p, align), (void *p, size_t size, size_t align), (p, size, align)) \
  void word##_sized_aligned(void *p, size_t size, size_t align) { \
    UNLESS_WHOLE(word##_sized_aligned, (p, size, align)); \
    alloc_free_sized(p, align, size, family); \
  }

DELETE(delete_one, "_Zdl", FAMILY_NEW, false)
DELETE(delete_array, "_Zda", FAMILY_NEW_ARRAY, true)

/*
 * Whether all operators of the process are ours. A program may bring its own, some of which may call malloc or free. Then the family of a block is not
 * known.
 */
static bool are_ours(void) { return find_whole() OTHER_FORMS(AND_IS_OWN); }

__attribute__((constructor(103))) static void start_cxx(void) {
  if (MODE(front) && are_ours()) record_know_families();
}
