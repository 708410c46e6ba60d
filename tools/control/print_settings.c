#include <stdbool.h>

#include "print_settings.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "src/platform/options.h"
#include "common/format.h"

#define SETTING_NAME(member, NAME) #NAME,
static const char *const names[] = {STATS_SETTINGS(SETTING_NAME)};

#define SETTING_LISTED(member, NAME) " " #NAME
const char setting_names[] = STATS_SETTINGS(SETTING_LISTED);

bool setting_find(const char *name, enum setting *setting) {
  for (unsigned i = 0; i < SETTING_COUNT; i++) {
    *setting = (enum setting)i;
    if (strcmp(names[i], name) == 0) return true;
  }
  return false;
}

/* The words of HAKMEM_LOG, as a list. */
static void print_words(FILE *out, uint64_t words) {
  static const struct {
    uint32_t set;
    const char *word;
  } all[] = {{OPTION_LOG_DRAIN, "drain"}, {OPTION_LOG_SS, "ss"}, {OPTION_LOG_HDR, "hdr"}};
  const char *between = "";
  for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
    if ((words & all[i].set) == 0) continue;
    fprintf(out, "%s%s", between, all[i].word);
    between = ",";
  }
}

static void print_value(FILE *out, enum setting setting, uint64_t value) {
  const struct config_option *const o = option_find(names[setting], strlen(names[setting]));
  size_t length;
  const char *const choice = o->kind == OPTION_CHOICE ? option_choice(o->form, (uint32_t)value, &length) : NULL;
  if (o->kind == OPTION_TEXT) print_words(out, value);
  else if (o->kind == OPTION_NUMBER || o->kind == OPTION_BYTES) fprintf(out, "%" PRIu64, value);
  else if (choice != NULL) fprintf(out, "%.*s", (int)length, choice);
}

static void print_end(FILE *out, uint64_t until_ms) {
  struct timespec now;
  char left[FORMAT_SIZE];
  if (until_ms == 0) return;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const uint64_t now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
  if (until_ms > now_ms) fprintf(out, ", for %s more", format_ns(left, (double)(until_ms - now_ms) * 1e6));
  else fputs(", put back at the next slow path", out);
}

void print_settings(FILE *out, const struct stats_setting settings[SETTING_COUNT], uint64_t elapsed_ns) {
  for (unsigned i = 0; i < SETTING_COUNT; i++) {
    const struct stats_setting *const s = &settings[i];
    char ago[FORMAT_SIZE];
    fprintf(out, "%s=", names[i]);
    print_value(out, (enum setting)i, s->value);
    if (s->since_ns != 0 && elapsed_ns >= s->since_ns) fprintf(out, "  (set %s ago", format_ns(ago, (double)(elapsed_ns - s->since_ns)));
    if (s->since_ns != 0 && elapsed_ns >= s->since_ns) print_end(out, s->until_ms), fputc(')', out);
    fputc('\n', out);
  }
}
