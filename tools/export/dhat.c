/*
 * dhat.c: JSON as Valgrind's DHAT writes it, version 2, for dh_view.html. The names of its members are facts of that format (valgrind,
 * dhat/dh_main.c and dhat/dh_view.js). A program point is a call site: "total" bytes and blocks are the live ones, because the lifetimes of blocks are
 * unknown here ("bklt": false).
 */
#include <jansson.h>
#include <stdlib.h>

#include "common/error.h"
#include "common/memory.h"
#include "intern.h"
#include "report/json/json.h"
#include "stacks.h"

static char *frame_text(const struct frame *f) {
  return f->file != NULL && f->line > 0 ? must_print("0x%" PRIX64 ": %s (%s:%d)", f->address, f->function, f->file, f->line)
                                        : must_print("0x%" PRIX64 ": %s", f->address, f->function);
}

static json_t *point(const struct sample *sample, struct interned *table, enum export_value bytes, enum export_value blocks) {
  json_t *const object = json_object(), *const frames = json_array();
  set(object, "tb", number(sample->value[bytes]));
  set(object, "tbk", number(sample->value[blocks]));
  for (size_t i = 0; i < sample->count; i++) {
    char *const name = frame_text(&sample->frames[i]);
    json_array_append_new(frames, json_integer((json_int_t)intern(table, name)));
    free(name);
  }
  set(object, "fs", frames);
  return object;
}

static uint64_t longest_ns(const struct report *r) {
  uint64_t longest = 0;
  for (size_t i = 0; i < r->process_count; i++) longest = r->processes[i]->elapsed_ns > longest ? r->processes[i]->elapsed_ns : longest;
  return longest;
}

bool export_dhat(FILE *out, const struct page *page, const struct export_options *o) {
  (void)o;
  struct samples samples;
  if (!samples_collect(&samples, page, VALUE_COUNT)) return false;
  const bool live = samples.has[VALUE_live_bytes];
  const enum export_value bytes = live ? VALUE_live_bytes : VALUE_allocated_bytes, blocks = live ? VALUE_live_blocks : VALUE_allocated_blocks;
  struct interned table = {0};
  intern(&table, "[root]");
  json_t *const root = json_object(), *const points = json_array(), *const names = json_array();
  set(root, "dhatFileVersion", json_integer(2));
  set(root, "mode", json_string(live ? "live heap" : "allocations"));
  set(root, "verb", json_string(live ? "Live" : "Allocated"));
  set(root, "bklt", json_false());
  set(root, "bkacc", json_false());
  set(root, "tu", json_string("ms"));
  set(root, "Mtu", json_string("s"));
  char *const merged = processes_text(page);
  set(root, "cmd", text(merged));
  free(merged);
  set(root, "pid", number(page->main->process_count > 0 ? page->main->processes[0]->pid : 0));
  set(root, "te", number(longest_ns(page->memory) / 1000000));
  for (size_t i = 0; i < samples.count; i++) {
    if (samples.list[i].value[bytes] + samples.list[i].value[blocks] > 0) json_array_append_new(points, point(&samples.list[i], &table, bytes, blocks));
  }
  set(root, "pps", points);
  for (size_t i = 0; i < table.count; i++) json_array_append_new(names, text(table.names[i]));
  set(root, "ftbl", names);
  intern_free(&table);
  samples_free(&samples);
  const int code = json_dumpf(root, out, JSON_INDENT(1) | JSON_ENSURE_ASCII);
  json_decref(root);
  fputc('\n', out);
  return code == 0 || fail("cannot write the JSON text");
}
