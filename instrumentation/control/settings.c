#include "settings.h"

#include <errno.h>
#include <string.h>

#include "src/alloc/front.h"
#include "src/checker_hooks.h"
#include "src/memory/os.h"
#include "src/memory/soft_limit.h"
#include "src/modes/modes.h"
#include "src/platform/config.h"
#include "src/platform/options.h"
#include "src/platform/syscall.h"
#include "base/inside.h"
#include "incidents/fault.h"
#include "sinks/log.h"
#include "sinks/tracer.h"
#include "stacks/stacks.h"
#include "statistics/stats.h"

#define WAITS 100 /* of 1 ms: for another thread that changes settings */

#define SETTING_NAME(member, NAME) #NAME,
static const char *const names[] = {STATS_SETTINGS(SETTING_NAME)};

static struct {
  uint64_t before; /* the value to be put back */
  uint64_t until_ms, since_ns;
} changes[SETTING_COUNT];
static bool changing;          /* atomic; one thread at a time changes settings */
static uint64_t next_until_ms; /* atomic; the first of them, 0: none */

/* ---- What is in force. ---- */

static uint64_t value_of(enum setting setting) {
  switch (setting) {
    case SETTING_PROFILE: return MODE(profile) ? __atomic_load_n(&config.profile, __ATOMIC_RELAXED) : 0;
    case SETTING_GUARD: return __atomic_load_n(&config.guard, __ATOMIC_RELAXED);
    case SETTING_TRACE: return __atomic_load_n(&config.trace, __ATOMIC_RELAXED);
    case SETTING_STATS_INTERVAL: return __atomic_load_n(&config.fragmentation, __ATOMIC_RELAXED);
    case SETTING_LOG: return log_words();
    case SETTING_SOFT_LIMIT: return soft_limit_bytes();
    case SETTING_COUNT: break;
  }
  return 0;
}

void settings_publish(void) {
  struct stats_block *const b = stats_block();
  for (unsigned i = 0; i < SETTING_COUNT; i++) {
    const uint64_t until_ms = changes[i].until_ms != 0 ? changes[i].until_ms - LAYOUT_MS_FIRST : 0;
    b->settings[i] = (struct stats_setting){.value = value_of((enum setting)i), .until_ms = until_ms, .since_ns = changes[i].since_ns};
  }
  b->profile = __atomic_load_n(&config.profile, __ATOMIC_RELAXED); /* also after it was switched off: the block still has the last profile */
}

/* ---- Changing one. ---- */

static int refuse(struct message *why, int error, const char *text) {
  message_text(why, text);
  return error;
}

/* libunwind allocates while it opens: not for the program. */
static void begin_stacks(void) {
  inside_stack = true;
  stacks_begin();
  inside_stack = false;
}

static int set_profile(uint32_t rate) {
  if (rate != 0) begin_stacks();
  adjust_profile(rate);
  return 0;
}

static int set_guard(uint32_t rate, struct message *why) {
  if (rate != 0 && hub_checked) return refuse(why, EPERM, "GUARD stays 0 while Valgrind or AddressSanitizer watches the memory");
  if (rate != 0) begin_stacks(); /* before: what libunwind keeps is not guarded */
  if (!adjust_guard(rate)) return refuse(why, ENOMEM, "GUARD stays 0: there is not enough address space for guarded blocks (raise ulimit -v)");
  if (rate != 0) fault_start();
  __atomic_store_n(&config.guard, rate, __ATOMIC_RELAXED);
  return 0;
}

static int set_trace(uint32_t full, struct message *why) {
  if (full != 0 && !tracer_is_attached())
    return refuse(why, ENODEV, "TRACE=full needs a tracer in the process; start the program with hakmem record, or preload libhakmem-tracepoints.so");
  __atomic_store_n(&config.trace, full, __ATOMIC_RELAXED);
  adjust_trace(full != 0);
  stats_block()->full_tracing = 0; /* a part of the operations was not seen */
  return 0;
}

/* Brings a value into force that option_parse has allowed. */
static int apply(enum setting setting, uint64_t value, struct message *why) {
  switch (setting) {
    case SETTING_PROFILE: return set_profile((uint32_t)value);
    case SETTING_GUARD: return set_guard((uint32_t)value, why);
    case SETTING_TRACE: return set_trace((uint32_t)value, why);
    case SETTING_LOG: log_choose((uint32_t)value); return 0;
    case SETTING_STATS_INTERVAL: __atomic_store_n(&config.fragmentation, (uint32_t)value, __ATOMIC_RELAXED); return 0;
    case SETTING_SOFT_LIMIT: soft_limit_set(value); return 0;
    case SETTING_COUNT: break;
  }
  return EINVAL;
}

static void find_next_until(void) {
  uint64_t next = 0;
  for (unsigned i = 0; i < SETTING_COUNT; i++) {
    if (changes[i].until_ms != 0 && (next == 0 || changes[i].until_ms < next)) next = changes[i].until_ms;
  }
  __atomic_store_n(&next_until_ms, next, __ATOMIC_RELAXED);
}

/* Called by one thread at a time. A second change for a time ends with the value from before the first one. */
static int change(enum setting setting, uint64_t value, uint32_t for_ms, struct message *why) {
  const uint64_t before = changes[setting].until_ms != 0 ? changes[setting].before : value_of(setting);
  const int error = apply(setting, value, why);
  if (error != 0) return error;
  changes[setting].before = before;
  changes[setting].until_ms = for_ms != 0 ? os_now_ms() + for_ms : 0;
  changes[setting].since_ns = stats_elapsed_ns();
  find_next_until();
  settings_publish();
  return 0;
}

static bool begin(unsigned waits) {
  while (__atomic_exchange_n(&changing, true, __ATOMIC_ACQUIRE)) {
    if (waits-- == 0) return false;
    sys_sleep_ns(1000000);
  }
  return true;
}

static void end(void) { __atomic_store_n(&changing, false, __ATOMIC_RELEASE); }

void settings_tick(uint64_t now_ms) {
  const uint64_t next = __atomic_load_n(&next_until_ms, __ATOMIC_RELAXED);
  if (next == 0 || now_ms < next || !begin(0)) return;
  static struct message unused; /* not on the stack, which may be a fiber's of one page */
  message_start(&unused);
  for (unsigned i = 0; i < SETTING_COUNT; i++) {
    if (changes[i].until_ms != 0 && now_ms >= changes[i].until_ms) change((enum setting)i, changes[i].before, 0, &unused);
    if (changes[i].until_ms != 0 && now_ms >= changes[i].until_ms) changes[i].until_ms = 0; /* it cannot be put back: the tracer has gone */
  }
  find_next_until();
  end();
}

/* ---- Names and values. ---- */

static void put_part(struct message *m, const char *text, size_t length) {
  char copy[CONTROL_TEXT];
  const size_t kept = min_size(length, sizeof(copy) - 1);
  memcpy(copy, text, kept);
  copy[kept] = '\0';
  message_quoted(m, copy);
}

static int refuse_name(const char *name, size_t length, struct message *why) {
  const struct config_option *const known = option_find(name, length), *const nearest = known != NULL ? NULL : option_nearest(name, length);
  put_part(why, name, length);
  if (known == NULL) message_text(why, " is not an option");
  if (nearest != NULL) {
    message_text(why, "; the nearest is ");
    message_text(why, nearest->name);
  }
  if (known == NULL) return EINVAL;
  message_text(why, " is read at the start only; while the program runs, these change:");
  for (unsigned i = 0; i < SETTING_COUNT; i++) {
    message_text(why, i > 0 ? ", " : " ");
    message_text(why, names[i]);
  }
  return EPERM;
}

static int refuse_value(const struct config_option *o, const char *value, struct message *why) {
  message_text(why, o->name);
  message_text(why, "=");
  put_part(why, value, strlen(value));
  message_text(why, " is not allowed (");
  if (o->kind == OPTION_NUMBER) {
    message_number(why, o->lowest);
    message_text(why, " to ");
    message_number(why, o->highest);
    message_text(why, " ");
  }
  message_text(why, o->form);
  message_text(why, ")");
  return EINVAL;
}

int settings_change(const char *name, size_t length, const char *value, uint32_t for_ms, struct message *why) {
  const size_t prefix = sizeof(OPTION_PREFIX) - 1;
  if (length > prefix && memcmp(name, OPTION_PREFIX, prefix) == 0) name += prefix, length -= prefix;
  unsigned setting = 0;
  while (setting < SETTING_COUNT && (strlen(names[setting]) != length || memcmp(names[setting], name, length) != 0)) setting++;
  if (setting == SETTING_COUNT) return refuse_name(name, length, why);
  const struct config_option *const o = option_find(name, length);
  uint64_t number = 0;
  uint32_t words = 0;
  const bool good = setting == SETTING_LOG ? option_log_words(value, &words) : option_parse(o, value, &number);
  if (!good) return refuse_value(o, value, why);
  if (!begin(WAITS)) return refuse(why, EBUSY, "another thread is changing settings; try again");
  const int error = change((enum setting)setting, setting == SETTING_LOG ? words : number, for_ms, why);
  end();
  return error;
}

bool settings_are_changing(void) { return __atomic_load_n(&changing, __ATOMIC_RELAXED); }

/* The thread that was changing settings may not exist in the child. The child has the parent's settings, and their ends; it has changed none itself. */
void settings_fork_child(void) {
  changing = false;
  for (unsigned i = 0; i < SETTING_COUNT; i++) changes[i].since_ns = 0;
}
