#include "event_names.h"

#define ENUM_NAME(constant, name) name,
#define EVENT_NAMES_DEFINE(e) const char *const event_names_##e[e##_count] = {ENUM_##e(ENUM_NAME)};
HAK_ENUMS(EVENT_NAMES_DEFINE)
