#include "structures.h"

#include <errno.h>
#include <string.h>

#include "common/memory.h"

#define STEP_MAX 65536u /* bytes of a structure */

uint64_t number_in(const char *bytes, uint64_t size) {
  uint64_t number = 0;
  if (size <= sizeof(number)) memcpy(&number, bytes, size);
  return number;
}

uint64_t member_of(const char *bytes, size_t size, struct layout_member m, uint64_t offset) {
  const uint64_t at = offset + m.offset;
  return m.size <= sizeof(uint64_t) && at + m.size <= size ? number_in(bytes + at, m.size) : 0;
}

int number_at(const struct reader *r, struct layout_number n, uint64_t *number) {
  char bytes[sizeof(*number)] = {0};
  const int error = n.size <= sizeof(bytes) ? process_read(&r->process, address_of(n.at), bytes, n.size) : EINVAL;
  *number = number_in(bytes, sizeof(bytes));
  return error;
}

int structure_at(const struct reader *r, uint64_t address, uint64_t size, uint64_t count, char **bytes) {
  *bytes = NULL;
  if (size == 0 || size > STEP_MAX || count == 0 || count > UNITS_MAX + CLASS_COUNT) return EINVAL;
  *bytes = must_allocate(size * count);
  return process_read(&r->process, address, *bytes, size * count);
}
