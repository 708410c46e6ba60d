#include "modes.h"

#include "platform/config.h"

struct modes modes;

AT_START void modes_resolve(bool checked) {
  modes = (struct modes){.profile = config.profile != 0};
  if (!checked) {
    modes.debug = config.debug != 0;
    modes.secure = config.secure != 0 && !modes.debug;
    modes.leaks = config.leaks != 0;
    modes.guard_rate = config.guard;
  }
  modes.records = modes.leaks || modes.profile;
  modes.front = modes.debug || modes.secure || modes.guard_rate != 0;
}

void modes_profile(bool on) {
  if (on) __atomic_store_n(&modes.records, true, __ATOMIC_RELEASE);
  __atomic_store_n(&modes.profile, on, __ATOMIC_RELEASE);
}

void modes_guard(uint32_t rate) {
  if (rate != 0) __atomic_store_n(&modes.front, true, __ATOMIC_RELEASE);
  __atomic_store_n(&modes.guard_rate, rate, __ATOMIC_RELEASE);
}

AT_START void modes_without_guard(void) {
  modes.guard_rate = 0;
  modes.front = modes.debug || modes.secure;
}
