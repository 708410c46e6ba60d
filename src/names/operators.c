#include "operators.h"

#define DECLARE(form, letters, type, arguments) extern type form arguments __asm__(letters);
BASIC_FORMS(DECLARE)
OTHER_FORMS(DECLARE)

#define FOUND(form, letters, type, arguments) .form = form,
const struct operators operators = {BASIC_FORMS(FOUND) OTHER_FORMS(FOUND)};
