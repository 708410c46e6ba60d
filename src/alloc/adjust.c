#include "adjust.h"

#include "checker_hooks.h"
#include "modes/guard_slots.h"
#include "modes/modes.h"
#include "platform/config.h"
#include "threads/tls_budget.h"

void adjust_profile(uint32_t rate) {
  if (rate != 0) __atomic_store_n(&config.profile, rate, __ATOMIC_RELAXED); /* at the end, the last samples are weighed by the rate that they had */
  modes_profile(rate != 0);
  sll_settings_changed();
}

bool adjust_guard(uint32_t rate) {
  if (rate != 0 && !guard_start(rate)) return false;
  modes_guard(rate);
  sll_settings_changed();
  return true;
}

void adjust_trace(bool full) {
  sll_go_slow(full || hub_checked || MODE(leaks) || MODE(debug));
  sll_settings_changed();
}
