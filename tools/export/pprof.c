/*
 * pprof.c: a profile for pprof: profile.proto, packed by protobuf-c and compressed by zlib. Ids are from 1 on; an object's id is its number in the table
 * that holds it, plus one.
 */
#include "export.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "common/error.h"
#include "common/escape.h"
#include "common/memory.h"
#include "intern.h"
#include <profile.pb-c.h>
#include "stacks.h"

typedef Hakmem__Pprof__Profile Profile;
typedef Hakmem__Pprof__ValueType ValueType;
typedef Hakmem__Pprof__Sample Sample;
typedef Hakmem__Pprof__Label Label;
typedef Hakmem__Pprof__Mapping Mapping;
typedef Hakmem__Pprof__Location Location;
typedef Hakmem__Pprof__Line Line;
typedef Hakmem__Pprof__Function Function;

struct tables {
  struct interned texts, mappings, locations, functions;
  size_t mapping_capacity, location_capacity, function_capacity;
  Profile *profile;
};

static int64_t text_index(struct tables *t, const char *text) {
  char *const valid = escape_invalid_utf8(text);
  const size_t index = intern(&t->texts, valid);
  free(valid);
  return (int64_t)index;
}

static ValueType *value_type(struct tables *t, const char *type, const char *unit) {
  ValueType *const v = must_allocate(sizeof(*v));
  hakmem__pprof__value_type__init(v);
  v->type = text_index(t, type);
  v->unit = text_index(t, unit);
  return v;
}

/* ---- Where a sample was taken ---- */

static uint64_t mapping_id(struct tables *t, const struct sample *sample, const struct model_module *module) {
  if (module == NULL) return 0;
  char *const key = must_print("%u %llx %u %s", sample->process->pid, (unsigned long long)module->base, module->epoch, module->path);
  const size_t index = intern(&t->mappings, key);
  free(key);
  Profile *const p = t->profile;
  if (index < p->n_mapping) return index + 1;
  Mapping *const m = must_allocate(sizeof(*m));
  hakmem__pprof__mapping__init(m);
  m->id = index + 1;
  m->memory_start = module->base;
  m->memory_limit = module->base + module->size;
  m->file_offset = module->offset;
  m->filename = text_index(t, module->path);
  m->build_id = text_index(t, module->build_id);
  m->has_functions = m->has_filenames = m->has_line_numbers = m->has_inline_frames = true;
  p->mapping = must_grow(p->mapping, p->n_mapping, &t->mapping_capacity, sizeof(Mapping *));
  p->mapping[p->n_mapping++] = m;
  return m->id;
}

static uint64_t function_id(struct tables *t, const struct frame *f) {
  char *const key = must_print("%s\n%s", f->function, f->file != NULL ? f->file : "");
  const size_t index = intern(&t->functions, key);
  free(key);
  Profile *const p = t->profile;
  if (index < p->n_function) return index + 1;
  Function *const function = must_allocate(sizeof(*function));
  hakmem__pprof__function__init(function);
  function->id = index + 1;
  function->name = function->system_name = text_index(t, f->function);
  function->filename = text_index(t, f->file != NULL ? f->file : "");
  p->function = must_grow(p->function, p->n_function, &t->function_capacity, sizeof(Function *));
  p->function[p->n_function++] = function;
  return function->id;
}

static Line *line_of(struct tables *t, const struct frame *f) {
  Line *const line = must_allocate(sizeof(*line));
  hakmem__pprof__line__init(line);
  line->function_id = function_id(t, f);
  line->line = f->line;
  return line;
}

/* The location of the frames at `frames`, the first `count` of which have one address. */
static uint64_t location_id(struct tables *t, const struct sample *sample, const struct frame *frames, size_t count) {
  const uint64_t mapping = mapping_id(t, sample, frames[0].module);
  char *const key = must_print("%llx %llx %zu %s", (unsigned long long)mapping, (unsigned long long)frames[0].address, count,
                               frames[0].module == NULL ? frames[0].function : "");
  const size_t index = intern(&t->locations, key);
  free(key);
  Profile *const p = t->profile;
  if (index < p->n_location) return index + 1;
  Location *const l = must_allocate(sizeof(*l));
  hakmem__pprof__location__init(l);
  l->id = index + 1;
  l->mapping_id = mapping;
  l->address = frames[0].address;
  l->n_line = count;
  l->line = must_allocate(count * sizeof(Line *));
  for (size_t i = 0; i < count; i++) l->line[i] = line_of(t, &frames[i]);
  p->location = must_grow(p->location, p->n_location, &t->location_capacity, sizeof(Location *));
  p->location[p->n_location++] = l;
  return l->id;
}

static size_t frames_at_address(const struct sample *sample, size_t from) {
  size_t count = 1;
  while (from + count < sample->count && sample->frames[from + count - 1].inlined) count++;
  return count;
}

/* ---- The profile ---- */

static Label *label(struct tables *t, const char *key, uint64_t number) {
  Label *const l = must_allocate(sizeof(*l));
  hakmem__pprof__label__init(l);
  l->key = text_index(t, key);
  l->num = (int64_t)number;
  return l;
}

/* pprof takes the first mapping for that of the program: the one with main, or what calls it. */
static void begin_with_program(struct tables *t, const struct samples *samples) {
  for (size_t i = 0; i < samples->count; i++) {
    const struct sample *const s = &samples->list[i];
    for (size_t k = s->count; k-- > 0;) {
      const char *const name = s->frames[k].function;
      if (strcmp(name, "main") != 0 && strcmp(name, "_start") != 0) continue;
      mapping_id(t, s, s->frames[k].module);
      return;
    }
  }
}

/* The values in pprof's order, and by its names. */
static const struct {
  enum export_value value;
  const char *type, *unit;
} values[] = {{VALUE_allocated_blocks, "alloc_objects", "count"},
              {VALUE_allocated_bytes, "alloc_space", "bytes"},
              {VALUE_live_blocks, "inuse_objects", "count"},
              {VALUE_live_bytes, "inuse_space", "bytes"},
              {VALUE_pinned_bytes, "pinned_space", "bytes"}};
#define VALUES (sizeof(values) / sizeof(values[0]))

static Sample *sample_of(struct tables *t, const struct samples *samples, const struct sample *from) {
  Sample *const s = must_allocate(sizeof(*s));
  hakmem__pprof__sample__init(s);
  s->value = must_allocate(VALUES * sizeof(*s->value));
  for (size_t i = 0; i < VALUES; i++) {
    if (samples->has[values[i].value]) s->value[s->n_value++] = (int64_t)from->value[values[i].value];
  }
  s->location_id = must_allocate(from->count * sizeof(*s->location_id));
  for (size_t i = 0, count; i < from->count; i += count) {
    count = frames_at_address(from, i);
    s->location_id[s->n_location_id++] = location_id(t, from, &from->frames[i], count);
  }
  s->label = must_allocate(sizeof(Label *));
  s->label[s->n_label++] = label(t, "pid", from->process->pid);
  return s;
}

static void set_types(struct tables *t, const struct samples *samples) {
  Profile *const p = t->profile;
  p->sample_type = must_allocate(VALUES * sizeof(ValueType *));
  for (size_t i = 0; i < VALUES; i++) {
    if (samples->has[values[i].value]) p->sample_type[p->n_sample_type++] = value_type(t, values[i].type, values[i].unit);
  }
  p->default_sample_type = text_index(t, samples->has[VALUE_live_bytes] ? "inuse_space" : "alloc_space");
  p->period_type = value_type(t, "space", "bytes");
}

/* From the first process's start to the last one's end. */
static void set_time(Profile *p, const struct report *r) {
  uint64_t start = UNKNOWN, end = 0, period = 0;
  for (size_t i = 0; i < r->process_count; i++) {
    const struct model_process *const m = r->processes[i];
    if (m->start_realtime_ns < start) start = m->start_realtime_ns;
    if (m->start_realtime_ns + m->elapsed_ns > end) end = m->start_realtime_ns + m->elapsed_ns;
    if (m->profile > period) period = m->profile;
  }
  if (start == UNKNOWN || end < start) return;
  p->time_nanos = (int64_t)start;
  p->duration_nanos = (int64_t)(end - start);
  p->period = period > 0 ? (int64_t)period : 1;
}

static void set_moment(Profile *p, const struct export_moment *moment, const struct report *r) {
  set_time(p, r);
  p->time_nanos = (int64_t)moment->time_ns;
  p->duration_nanos = (int64_t)moment->duration_ns;
}

static void add_comment(struct tables *t, const struct page *page, const struct export_options *o) {
  t->profile->comment = must_allocate(2 * sizeof(int64_t));
  t->profile->comment[t->profile->n_comment++] = text_index(t, "hakmem " HAKMEM_VERSION);
  if (o->moment != NULL) return;
  char *const merged = processes_text(page);
  t->profile->comment[t->profile->n_comment++] = text_index(t, merged);
  free(merged);
}

static bool write_compressed(FILE *out, const uint8_t *bytes, size_t size) {
  z_stream stream = {.next_in = (Bytef *)(uintptr_t)bytes, .avail_in = (uInt)size};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY) != Z_OK) return fail("cannot compress the profile");
  const uLong room = deflateBound(&stream, size);
  uint8_t *const compressed = must_allocate(room);
  stream.next_out = compressed;
  stream.avail_out = (uInt)room;
  const bool good = deflate(&stream, Z_FINISH) == Z_STREAM_END;
  if (good) fwrite(compressed, 1, stream.total_out, out);
  deflateEnd(&stream);
  free(compressed);
  return good || fail("cannot compress the profile");
}

static bool write_profile(FILE *out, const Profile *p) {
  const size_t size = hakmem__pprof__profile__get_packed_size(p);
  if (size > UINT32_MAX / 2) return fail("the profile is too large for pprof");
  uint8_t *const bytes = must_allocate(size + 1);
  hakmem__pprof__profile__pack(p, bytes);
  const bool good = write_compressed(out, bytes, size);
  free(bytes);
  return good;
}

bool export_pprof(FILE *out, const struct page *page, const struct export_options *o) {
  if (isatty(fileno(out))) return fail("a profile is binary: write it to a file with -o FILE");
  struct samples samples;
  if (!samples_collect_of(&samples, page, VALUE_COUNT, o->moment != NULL ? o->moment->pid : 0)) return false;
  struct tables t = {.profile = must_allocate(sizeof(Profile))};
  hakmem__pprof__profile__init(t.profile);
  intern(&t.texts, "");
  set_types(&t, &samples);
  if (o->moment != NULL) set_moment(t.profile, o->moment, page->memory);
  else set_time(t.profile, page->memory);
  add_comment(&t, page, o);
  begin_with_program(&t, &samples);
  t.profile->sample = must_allocate(samples.count * sizeof(Sample *));
  for (size_t i = 0; i < samples.count; i++) t.profile->sample[t.profile->n_sample++] = sample_of(&t, &samples, &samples.list[i]);
  samples_free(&samples);
  t.profile->string_table = t.texts.names;
  t.profile->n_string_table = t.texts.count;
  const bool good = write_profile(out, t.profile);
  t.profile->string_table = NULL;
  t.profile->n_string_table = 0;
  hakmem__pprof__profile__free_unpacked(t.profile, NULL);
  intern_free(&t.texts);
  intern_free(&t.mappings);
  intern_free(&t.locations);
  intern_free(&t.functions);
  return good;
}
