#include "valid.h"

#include "checks/records.h"
#include "slabs/directory.h"
#include "slabs/legacy.h"
#include "slabs/shared_pool.h"
#include "slabs/units.h"
#include "threads/tls_lists.h"

const char *core_broken(void) {
  if (!units_are_valid()) return "SuperSlabs";
  if (!directory_is_valid()) return "directory";
  if (!pool_is_valid()) return "shared pool";
  if (!legacy_is_valid()) return "legacy";
  if (!sll_are_valid()) return "threads' lists";
  if (HAKMEM_EVENTS && !records_are_valid()) return "records";
  return NULL;
}
