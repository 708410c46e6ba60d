/*
 * operators.h: the forms of operator new and delete, by their names in the Itanium C++ ABI, and the functions that serve them in this process: those of
 * cxx.c, or the program's own.
 */
#ifndef HAKMEM_OPERATORS_H
#define HAKMEM_OPERATORS_H

#include "platform/base.h"

static_assert(sizeof(size_t) == sizeof(unsigned long), "size_t is `m` in the names below");

#define ALIGN "St11align_val_t"
#define NOTHROW "RKSt9nothrow_t"

/* F(name, "letters", type, arguments): the forms that others rest on; new[] and delete[] rest on new and delete. */
#define BASIC_FORMS(F) \
  F(new_one, "_Znwm", void *, (size_t size)) \
  F(new_array, "_Znam", void *, (size_t size)) \
  F(new_one_aligned, "_Znwm" ALIGN, void *, (size_t size, size_t align)) \
  F(new_array_aligned, "_Znam" ALIGN, void *, (size_t size, size_t align)) \
  F(delete_one, "_ZdlPv", void, (void *p)) \
  F(delete_array, "_ZdaPv", void, (void *p)) \
  F(delete_one_aligned, "_ZdlPv" ALIGN, void, (void *p, size_t align)) \
  F(delete_array_aligned, "_ZdaPv" ALIGN, void, (void *p, size_t align))
/* The forms that no other form rests on. */
#define OTHER_FORMS(F) \
  F(new_one_nothrow, "_Znwm" NOTHROW, void *, (size_t size, const void *nothrow)) \
  F(new_array_nothrow, "_Znam" NOTHROW, void *, (size_t size, const void *nothrow)) \
  F(new_one_aligned_nothrow, "_Znwm" ALIGN NOTHROW, void *, (size_t size, size_t align, const void *nothrow)) \
  F(new_array_aligned_nothrow, "_Znam" ALIGN NOTHROW, void *, (size_t size, size_t align, const void *nothrow)) \
  F(delete_one_nothrow, "_ZdlPv" NOTHROW, void, (void *p, const void *nothrow)) \
  F(delete_array_nothrow, "_ZdaPv" NOTHROW, void, (void *p, const void *nothrow)) \
  F(delete_one_sized, "_ZdlPvm", void, (void *p, size_t size)) \
  F(delete_array_sized, "_ZdaPvm", void, (void *p, size_t size)) \
  F(delete_one_aligned_nothrow, "_ZdlPv" ALIGN NOTHROW, void, (void *p, size_t align, const void *nothrow)) \
  F(delete_array_aligned_nothrow, "_ZdaPv" ALIGN NOTHROW, void, (void *p, size_t align, const void *nothrow)) \
  F(delete_one_sized_aligned, "_ZdlPvm" ALIGN, void, (void *p, size_t size, size_t align)) \
  F(delete_array_sized_aligned, "_ZdaPvm" ALIGN, void, (void *p, size_t size, size_t align))

/*
 * The loader fills this in before any code runs. It is volatile, and defined in a file of its own: a compiler that sees a function assumes that its name
 * leads to that function, and would drop the comparison.
 */
#define OPERATORS_MEMBER(form, letters, type, arguments) type(*volatile form) arguments;
struct operators {
  BASIC_FORMS(OPERATORS_MEMBER) OTHER_FORMS(OPERATORS_MEMBER)
};
extern const struct operators operators;

#endif
