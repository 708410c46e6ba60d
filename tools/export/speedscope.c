/*
 * speedscope.c: JSON for speedscope (https://www.speedscope.app/file-format-schema.json): a table of frames, and a sampled profile for each value that
 * the data have. A sample lists its frames from the outermost on. A frame is a function, not a line of it: speedscope adds up by frame.
 */
#include <jansson.h>
#include <stdlib.h>

#include "common/error.h"
#include "common/memory.h"
#include "intern.h"
#include "report/json/json.h"
#include "stacks.h"

static json_t *frame(const struct frame *f) {
  json_t *const object = json_object();
  set(object, "name", text(f->function));
  if (f->file != NULL) set(object, "file", text(f->file));
  return object;
}

/* The indices of a sample's frames; new frames are added to `frames`. */
static json_t *indices(const struct sample *sample, struct interned *known, json_t *frames) {
  json_t *const array = json_array();
  for (size_t i = sample->count; i-- > 0;) {
    const struct frame *const f = &sample->frames[i];
    char *const key = must_print("%s\n%s", f->function, f->file != NULL ? f->file : "");
    const size_t index = intern(known, key);
    free(key);
    if (index == json_array_size(frames)) json_array_append_new(frames, frame(f));
    json_array_append_new(array, json_integer((json_int_t)index));
  }
  return array;
}

static json_t *profile(const struct samples *samples, enum export_value value, struct interned *known, json_t *frames) {
  json_t *const object = json_object(), *const stacks = json_array(), *const weights = json_array();
  uint64_t sum = 0;
  for (size_t i = 0; i < samples->count; i++) {
    const uint64_t weight = samples->list[i].value[value];
    if (weight == 0) continue;
    json_array_append_new(stacks, indices(&samples->list[i], known, frames));
    json_array_append_new(weights, number(weight));
    sum += weight;
  }
  set(object, "type", json_string("sampled"));
  set(object, "name", json_string(export_value_name[value]));
  set(object, "unit", json_string(export_value_unit[value][0] == 'b' ? "bytes" : "none"));
  set(object, "startValue", json_integer(0));
  set(object, "endValue", number(sum));
  set(object, "samples", stacks);
  set(object, "weights", weights);
  return object;
}

bool export_speedscope(FILE *out, const struct page *page, const struct export_options *o) {
  (void)o;
  struct samples samples;
  if (!samples_collect(&samples, page, VALUE_COUNT)) return false;
  struct interned known = {0};
  json_t *const root = json_object(), *const shared = json_object(), *const frames = json_array(), *const profiles = json_array();
  for (unsigned value = 0; value < VALUE_COUNT; value++) {
    if (samples.has[value]) json_array_append_new(profiles, profile(&samples, value, &known, frames));
  }
  char *const merged = processes_text(page);
  set(root, "$schema", json_string("https://www.speedscope.app/file-format-schema.json"));
  set(root, "exporter", json_string("hakmem " HAKMEM_VERSION));
  set(root, "name", text(merged));
  set(root, "activeProfileIndex", json_integer(0));
  set(shared, "frames", frames);
  set(root, "shared", shared);
  set(root, "profiles", profiles);
  free(merged);
  intern_free(&known);
  samples_free(&samples);
  const int code = json_dumpf(root, out, JSON_INDENT(1) | JSON_ENSURE_ASCII);
  json_decref(root);
  fputc('\n', out);
  return code == 0 || fail("cannot write the JSON text");
}
