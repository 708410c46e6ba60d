/* table.c: prints the events of src/events.h, "NAME" and "NAME FIELD" lines, as LTTng must list them. */
#include <stdio.h>

#include "events.h"

#define F_PTR(f) #f,
#define F_U32(f) #f,
#define F_U64(f) #f,
#define F_BYTES(f) #f,
#define F_TICKS(f) #f,
#define F_BYTE(f) #f,
#define F_CLS(f) #f,
#define F_ENUM(f, e) #f,
#define F_TEXT(f) #f,
#define F_ADDRESSES(f, n) "_" #f "_length", #f, /* LTTng writes a sequence's length before it */
#define F_COUNTS(f, n) "_" #f "_length", #f,

static void print(const char *event, const char *const *fields, size_t count) {
  puts(event);
  for (size_t i = 0; i < count; i++) printf("%s %s\n", event, fields[i]);
}

#define PRINT(name, text, fields) \
  { \
    const char *const names[] = {fields}; \
    print(#name, names, sizeof(names) / sizeof(*names)); \
  }

int main(void) {
  HAK_EVENTS(PRINT)
  return 0;
}
