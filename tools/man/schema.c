#include "schema.h"

#include <stdio.h>
#include <string.h>

#include "src/events.h"
#include "model/model.h"
#include "roff.h"

static bool first;

static void comma(void) {
  if (!first) fputs(", ", page);
  first = false;
}

/* The tables hold plain text: only these two characters need an escape. */
static void quoted(const char *text) {
  fputc('"', page);
  for (; *text; text++) {
    if (*text == '"' || *text == '\\') fputc('\\', page);
    fputc(*text, page);
  }
  fputc('"', page);
}

static void required(const char *name) {
  comma();
  quoted(name);
}

static void property(const char *name, const char *type, const char *meaning) {
  comma();
  fputs("\n  ", page);
  quoted(name);
  fprintf(page, ": {%s, \"description\": ", type);
  quoted(meaning);
  fputc('}', page);
}

static void begin_list(const char *text) {
  fputs(text, page);
  first = true;
}

#define REQUIRED(name, meaning) required(#name);
#define PROPERTY(name, meaning) property(#name, "\"$ref\": \"#/$defs/count\"", meaning);
#define ESTIMATE(name, meaning) property(#name, "\"type\": \"number\", \"minimum\": 0", meaning);
#define OBJECT(TABLE) \
  do { \
    begin_list("{\"type\": \"object\", \"additionalProperties\": false, \"required\": ["); \
    TABLE(REQUIRED) \
    begin_list("], \"properties\": {"); \
    TABLE(PROPERTY) \
    fputs("}}\n", page); \
  } while (0)

static void losses(void) { OBJECT(MODEL_LOSSES); }
static void counters(void) { OBJECT(STATS_COUNTERS); }
static void class_counters(void) { OBJECT(STATS_CLASS_COUNTERS); }
static void gauges(void) { OBJECT(MODEL_GAUGES); }
static void buckets(void) { OBJECT(STATS_BUCKETS); }
static void pins(void) { OBJECT(STATS_PINS); }

/* A site has further members, so this writes properties only; the template has the comma behind them. */
static void site_figures(void) {
  first = true;
  STATS_SITE_FIGURES(ESTIMATE)
  fputc('\n', page);
}

#define ENUM_NAME(constant, name) required(name);
#define ENUM_LIST(e) \
  static void enum_##e(void) { \
    begin_list("{\"enum\": ["); \
    ENUM_##e(ENUM_NAME) fputs("]}\n", page); \
  }
HAK_ENUMS(ENUM_LIST)

#define ENUM_ROW(e) {#e, enum_##e},
static const struct {
  const char *name;
  void (*write)(void);
} parts[] = {{"LOSSES", losses},   {"COUNTERS", counters}, {"CLASS_COUNTERS", class_counters}, {"GAUGES", gauges},
             {"BUCKETS", buckets}, {"PINS", pins},         {"SITE_FIGURES", site_figures},     HAK_ENUMS(ENUM_ROW)};

bool schema_write(const char *name) {
  for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
    if (strcmp(name, parts[i].name) != 0) continue;
    parts[i].write();
    return true;
  }
  return false;
}
