/*
 * trace: events as libbabeltrace2 would hand them on, of several processes, in the model; then the model as a worker writes it, changed, and read by the
 * process that waits for the worker.
 *
 *   event:  id 1   process 1   time 3   its fields: numbers by their size, a text by its length 1, a list by its length 1
 *   an id of 255 ends them; then come changes of the written part:  offset 3   byte 1
 */
#include "tests/fuzz/text.h"

#include "common/format.h"
#include "input/trace/sum/trace_part.h"
#include "report/print.h"

#define EVENTS_MOST 300
#define LIST_MOST 64

static struct input in;
static uintptr_t addresses[LIST_MOST];
static uint32_t counts[LIST_MOST];
static char name[256];

static const char *take_text(void) {
  const size_t length = (size_t)input_number(&in, 1) % sizeof(name);
  input_copy(&in, name, length);
  name[length] = '\0';
  return name;
}

/* An enumeration's value that it does not have is not handed on: the decoder drops the event. */
#define F_PTR(f) e.f = (const void *)(uintptr_t)input_number(&in, 6);
#define F_U32(f) e.f = (uint32_t)input_number(&in, 4);
#define F_U64(f) e.f = input_number(&in, 8);
#define F_BYTES(f) e.f = input_number(&in, 8);
#define F_TICKS(f) e.f = input_number(&in, 8);
#define F_BYTE(f) e.f = (uint8_t)input_number(&in, 1);
#define F_CLS(f) e.f = (uint32_t)input_number(&in, 2);
#define F_ENUM(f, type) e.f = (enum type)(input_number(&in, 1) % type##_count);
#define F_TEXT(f) e.f = strcpy(texts[text_count++ % 4], take_text());
#define F_ADDRESSES(f, n) \
  e.n = (uint32_t)(input_number(&in, 1) % LIST_MOST); \
  for (uint32_t i = 0; i < e.n; i++) addresses[i] = (uintptr_t)input_number(&in, 6); \
  e.f = addresses;
#define F_COUNTS(f, n) \
  e.n = (uint32_t)(input_number(&in, 1) % LIST_MOST); \
  for (uint32_t i = 0; i < e.n; i++) counts[i] = (uint32_t)input_number(&in, 2); \
  e.f = counts;
#define GIVE(event, text, fields) \
  static void give_##event(struct trace_model *t, struct trace_process *p, uint64_t time_ns) { \
    static char texts[4][256]; \
    unsigned text_count = 0; \
    struct event_##event e = {0}; \
    (void)texts, (void)text_count; \
    fields trace_on_##event(t, p, time_ns, &e); \
  }
HAK_EVENTS(GIVE)

#define GIVE_ENTRY(event, text, fields) give_##event,
static void (*const give[])(struct trace_model *t, struct trace_process *p, uint64_t time_ns) = {HAK_EVENTS(GIVE_ENTRY)};

static void give_events(struct trace_model *t) {
  uint64_t time_ns = 1700000000000000000;
  for (unsigned i = 0; i < EVENTS_MOST && input_left(&in) > 0; i++) {
    const unsigned id = (unsigned)input_number(&in, 1), pid = (unsigned)input_number(&in, 1);
    if (id == 255) return;
    time_ns += input_number(&in, 3) << (pid >> 4);
    trace_model_thread(t, pid);
    give[id % EVENT_COUNT](t, trace_model_process(t, pid % 4 + 1, pid % 8 < 4 ? "" : "program"), time_ns);
  }
}

static void show(struct report *r) {
  char *text;
  size_t size;
  FILE *const out = open_memstream(&text, &size);
  MUST(out != NULL);
  model_finish(r);
  print_text(out, &(struct page){.trace = r, .main = r, .memory = r, .path = "/nowhere"});
  fclose(out);
  MUST(text_is_plain(text, size));
  free(text);
}

static unsigned char *written(const struct trace_model *t, size_t *size) {
  static int fd = -1;
  if (fd < 0) fd = memfd_create("part", MFD_CLOEXEC);
  MUST(fd >= 0 && ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
  trace_part_write(fd, t, input_left(&in) % 2 == 0 ? NULL : "why not");
  *size = (size_t)lseek(fd, 0, SEEK_CUR);
  unsigned char *const bytes = malloc(*size);
  MUST(bytes != NULL && pread(fd, bytes, *size, 0) == (ssize_t)*size);
  return bytes;
}

static void change(unsigned char *bytes, size_t *size) {
  while (input_left(&in) > 0) {
    const size_t at = (size_t)input_number(&in, 3);
    const unsigned byte = (unsigned)input_number(&in, 1);
    if (at % 16 == 15) *size = at / 16 < *size ? at / 16 : *size;
    else if (at / 16 < *size) bytes[at / 16] = (unsigned char)byte;
  }
}

static void give_part(const unsigned char *bytes, size_t size) {
  struct report *const r = model_create(SOURCE_TRACE, "/nowhere");
  struct trace_model *const t = trace_model_create(r);
  char *why;
  r->keep_spans = true;
  const bool whole = trace_part_take(t, bytes, size, &why);
  free(why);
  trace_model_finish(t);
  if (whole) show(r);
  model_destroy(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  in = (struct input){bytes, bytes + size};
  struct report *const r = model_create(SOURCE_TRACE, "/nowhere");
  struct trace_model *const t = trace_model_create(r);
  r->keep_spans = true;
  give_events(t);
  size_t part_size;
  unsigned char *const part = written(t, &part_size);
  trace_model_finish(t);
  show(r);
  model_destroy(r);
  change(part, &part_size);
  give_part(part, part_size);
  free(part);
  return 0;
}
