/* units: the parts of the companion program that can be asked alone. Prints what is wrong; the exit status is the number of that. */
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/error.h"
#include "tools/common/escape.h"
#include "tools/common/format.h"
#include "tools/model/short_name.h"
#include "tools/session/launch.h"
#include "tools/session/option.h"
#include "tools/input/trace/sum/trace_model.h"
#include "tools/input/trace/sum/trace_part.h"
#include "tools/common/workdir.h"
#include "tools/words/words.h"

const struct command commands[] = {{.name = NULL}}; /* the words of options are asked for here, not those of commands */

static int wrong;

#define CHECK(condition) \
  do { \
    if (!(condition)) { \
      wrong++; \
      printf("%s:%d: not true: %s\n", __FILE__, __LINE__, #condition); \
    } \
  } while (0)

static void check_text(char *got, const char *expected, int line) {
  if (strcmp(got, expected) != 0) {
    wrong++;
    printf("%s:%d: expected \"%s\", got \"%s\"\n", __FILE__, line, expected, got);
  }
  free(got);
}
#define CHECK_TEXT(got, expected) check_text(got, expected, __LINE__)

static void test_escape(void) {
  CHECK_TEXT(escape("plain text"), "plain text");
  CHECK_TEXT(escape("a\nb\tc"), "a\\x0ab\\x09c");
  CHECK_TEXT(escape("\033[31m\\"), "\\x1b[31m\\x5c");
  CHECK_TEXT(escape("caf\u00e9"), "caf\u00e9");
  CHECK_TEXT(escape("\u202eright to left"), "\\xe2\\x80\\xaeright to left");
  CHECK_TEXT(escape("\xc2\x9b"
                    "31m"),
             "\\xc2\\x9b31m");
  CHECK_TEXT(escape("\xff\xc3"), "\\xff\\xc3");
  CHECK_TEXT(escape(""), "");
  CHECK_TEXT(escape_invalid_utf8("caf\u00e9 \U0001f600"), "caf\u00e9 \U0001f600");
  CHECK_TEXT(escape_invalid_utf8("\xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x82"), "\\xc0\\xaf \\xed\\xa0\\x80 \\xf4\\x90\\x80\\x80 \\xe2\\x82");
}

static void test_short_name(void) {
  static const char *const names[][2] = {
    {"main", "main"},
    {"parse(char const*, int)", "parse(...)"},
    {"parse()", "parse()"},
    {"std::vector<int, std::allocator<int> >::push_back(int const&)", "std::vector<...>::push_back(...)"},
    {"std::map<int, std::vector<int>>::operator[](int&&)", "std::map<...>::operator[](...)"},
    {"std::__cxx11::basic_string<char, std::char_traits<char>, std::allocator<char> >::size() const", "std::__cxx11::basic_string<...>::size() const"},
    {"Foo::operator<(Foo const&) const", "Foo::operator<(...) const"},
    {"Foo::operator>(Foo const&) const", "Foo::operator>(...) const"},
    {"operator<<(std::ostream&, Foo const&)", "operator<<(...)"},
    {"std::ostream& std::operator<< <std::char_traits<char> >(std::ostream&, char const*)", "std::ostream& std::operator<< <...>(...)"},
    {"bool operator< <int>(Foo<int> const&, Foo<int> const&)", "bool operator< <...>(...)"},
    {"Foo<int>::operator->() const", "Foo<...>::operator->() const"},
    {"Foo::operator->*(int)", "Foo::operator->*(...)"},
    {"Foo::operator<=>(Foo const&) const", "Foo::operator<=>(...) const"},
    {"Foo::operator>>=(int)", "Foo::operator>>=(...)"},
    {"Foo::operator()(int, char)", "Foo::operator()(...)"},
    {"Foo::operator()()", "Foo::operator()()"},
    {"Foo::operator new(unsigned long)", "Foo::operator new(...)"},
    {"Foo::operator std::vector<int>() const", "Foo::operator std::vector<...>() const"},
    {"operator\"\" _kb(unsigned long long)", "operator\"\" _kb(...)"},
    {"my_operator<int>(int)", "my_operator<...>(...)"},
    {"operators<int>::f(int)", "operators<...>::f(...)"},
    {"(anonymous namespace)::helper(int)", "(anonymous namespace)::helper(...)"},
    {"void (anonymous namespace)::Box<int>::put<long>(long)", "void (anonymous namespace)::Box<...>::put<...>(...)"},
    {"main::{lambda(int)#1}::operator()(int) const", "main::{lambda(...)#1}::operator()(...) const"},
    {"main::{lambda()#2}::operator()() const", "main::{lambda()#2}::operator()() const"},
    {"run(std::function<void (int)>)::{lambda(auto:1)#1}::operator()<int>(int) const", "run(...)::{lambda(...)#1}::operator()<...>(...) const"},
    {"void call<&(Foo::operator<(Foo const&))>(Foo&)", "void call<...>(...)"},
    {"std::enable_if<((3)>(2)), int>::type f<3>(int)", "std::enable_if<...>::type f<...>(...)"},
    {"Array<(4>3)>::at(int)", "Array<...>::at(...)"},
    {"decltype (a->b) get<A>(A*)", "decltype (...) get<...>(...)"},
    {"f[abi:cxx11](int) [clone .isra.0]", "f[abi:cxx11](...) [clone .isra.0]"},
    {"broken<int", "broken<int"},
    {"broken(int", "broken(int"},
    {"a<>::f()", "a<>::f()"},
    {"", ""},
  };
  for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) CHECK_TEXT(short_name(names[i][0]), names[i][1]);
}

static void test_format(void) {
  char b[FORMAT_SIZE];
  format_init();
  CHECK(strcmp(format_ns(b, 0), "0 ns") == 0);
  CHECK(strcmp(format_ns(b, 50.5), "50.5 ns") == 0);
  CHECK(strcmp(format_ns(b, 999), "999 ns") == 0);
  CHECK(strcmp(format_ns(b, 999.7), "1.00 \u00b5s") == 0);
  CHECK(strcmp(format_ns(b, 999999), "1.00 ms") == 0);
  CHECK(strcmp(format_ns(b, 2.5e9), "2.50 s") == 0);
  CHECK(strcmp(format_ns(b, 3.6e12), "3600 s") == 0);
  CHECK(strcmp(format_bytes(b, 1023), "1023 B") == 0);
  CHECK(strcmp(format_bytes(b, 1024), "1.00 KiB") == 0);
  CHECK(strcmp(format_bytes(b, 1048575), "1.00 MiB") == 0);
  CHECK(strcmp(format_bytes(b, UINT64_MAX - 1), "16.0 EiB") == 0);
  CHECK(strcmp(format_bytes(b, UNKNOWN), "-") == 0);
  CHECK(strcmp(format_percent(b, 1, 0), "-") == 0);
  CHECK(format_width("\u2588\u258fx") == 3);
  char bar[FORMAT_BAR_SIZE(10)];
  CHECK(format_width(format_bar(bar, sizeof(bar), 1, 1000000, 10)) == 1);
  CHECK(format_width(format_bar(bar, sizeof(bar), 5000, 10, 10)) == 10);
  CHECK(strcmp(format_bar(bar, sizeof(bar), 0, 10, 10), "") == 0);
  CHECK_TEXT(format_sparkline((const uint64_t[]){0, 1, 100, UNKNOWN}, 4), " \u2581\u2588?");
}

static void test_quote(void) {
  CHECK_TEXT(workdir_quote("data/x-1.2"), "data/x-1.2");
  CHECK_TEXT(workdir_quote("it's"), "'it'\\''s'");
  CHECK_TEXT(workdir_quote("a b"), "'a b'");
  CHECK_TEXT(workdir_quote("-o"), "'-o'");
  CHECK_TEXT(workdir_quote(""), "''");
}

static void check_option(const char *text, const char *expected_name, const char *expected_value, int line) {
  char *name = NULL;
  const char *value = NULL;
  const bool good = option_read(text, &name, &value);
  if (good != (expected_name != NULL) || (good && (strcmp(name, expected_name) != 0 || strcmp(value, expected_value) != 0))) {
    wrong++;
    printf("%s:%d: %s: %s\n", __FILE__, line, text, good ? name : failure());
  }
  if (good) free(name);
}
#define CHECK_OPTION(text, name, value) check_option(text, name, value, __LINE__)

static void test_options(void) {
  CHECK_OPTION("ss_limit=3", "HAKMEM_SS_LIMIT", "3");
  CHECK_OPTION("HAKMEM_Log_File=a=b", "HAKMEM_LOG_FILE", "a=b");
  CHECK_OPTION("PROFILE=512k", "HAKMEM_PROFILE", "512k");
  CHECK_OPTION("SS_SIZE=2m", "HAKMEM_SS_SIZE", "2m");
  CHECK_OPTION("STATS_SIGNAL=12", "HAKMEM_STATS_SIGNAL", "12");
  CHECK_OPTION("GUARD=10k", "HAKMEM_GUARD", "10k");
  CHECK_OPTION("fill=7", "HAKMEM_FILL", "7"); /* an old name, which option_rename replaces */
  CHECK_OPTION("fill=256", NULL, NULL);
  CHECK_OPTION("ss_limit", NULL, NULL);
  CHECK_OPTION("=3", NULL, NULL);
  CHECK_OPTION("ss limit=3", NULL, NULL);
  CHECK_OPTION("ss_limit=-3", NULL, NULL);
  CHECK_OPTION("LOG=drain,", "HAKMEM_LOG", "drain,");
  CHECK_OPTION("LOG=a=b", NULL, NULL);
  CHECK_OPTION("STATS_SIGNAL=9", NULL, NULL);
  struct launch l;
  launch_init(&l, NULL);
  launch_set(&l, "HAKMEM_LOG", "all");
  launch_set_default(&l, "HAKMEM_LOG", "c");
  CHECK(l.variable_count == 1);
  launch_set(&l, "HAKMEM_LOG", NULL);
  CHECK(launch_get(&l, "HAKMEM_LOG") == NULL);
  launch_fini(&l);
}

/* What one process writes, another one takes, also in two parts; nothing is taken for whole that is cut off. */
static void test_part(void) {
  const uintptr_t frames[] = {1, 2, 3};
  struct report *const r = model_create(SOURCE_TRACE, "test"), *const s = model_create(SOURCE_TRACE, "test");
  struct trace_model *const t = trace_model_create(r), *const u = trace_model_create(s);
  struct trace_process *const p = trace_model_process(t, 7, "program");
  trace_on_stack(t, p, 1000, &(struct event_stack){.id = 5, .frames = frames, .frame_count = 3});
  trace_on_module(t, p, 2000, &(struct event_module){.path = "/lib/some.so", .build_id = "", .size = 10});
  trace_on_tls_sll_drain(t, p, 3000, &(struct event_tls_sll_drain){.cls = 3, .reason = DRAIN_LENGTH, .moved = 5, .ticks = 20});
  trace_on_hdr_reset(t, p, 4000, &(struct event_hdr_reset){.cls = 3, .verdict = HDR_DOUBLE_FREE, .stack = 5});
  trace_on_fragmentation(
    t, p, 5000,
    &(struct event_fragmentation){.cls = 3, .allocated = 48, .utilisation_bins = STATS_UTILISATION_BINS, .utilisation = (uint32_t[STATS_UTILISATION_BINS]){1}});
  FILE *const file = tmpfile();
  trace_part_write(fileno(file), t, "a reason");
  const size_t size = (size_t)lseek(fileno(file), 0, SEEK_END);
  unsigned char *const bytes = malloc(size);
  CHECK(pread(fileno(file), bytes, size, 0) == (ssize_t)size);
  char *why;
  for (size_t cut = 0; cut < size; cut += cut < 4096 ? 8 : 200) {
    struct report *const other = model_create(SOURCE_TRACE, "test");
    struct trace_model *const part = trace_model_create(other);
    unsigned char *const copy = malloc(cut + 1); /* so that the sanitizer sees a read past its end */
    memcpy(copy, bytes, cut);
    CHECK(!trace_part_take(part, copy, cut, &why));
    free(copy);
    free(why);
    trace_model_finish(part);
    model_destroy(other);
  }
  for (unsigned i = 0; i < 2; i++) { /* the same process, read by two */
    CHECK(trace_part_take(u, bytes, size, &why));
    CHECK_TEXT(why, "a reason");
  }
  trace_model_finish(u);
  model_finish(s);
  const struct model_process *const q = s->processes[0];
  CHECK(s->process_count == 1 && s->events == 10 && s->start_ns == 1000 && s->end_ns == 5000);
  CHECK(q->pid == 7 && strcmp(q->program, "program") == 0 && q->module_count == 1 && strcmp(q->modules[0].path, "/lib/some.so") == 0);
  CHECK(q->stack_count == 1 && q->stacks[0].frame_count == 3 && q->stacks[0].frames[2] == 3);
  CHECK(q->incident_count == 1 && q->incidents[0].count == 2 && q->incidents[0].time_ns == 3000);
  CHECK(q->counts->cls[3].counters.drain_blocks == 10 && q->counts->cls[3].gauge.allocated == 48 && q->timeline_length == 2);
  CHECK(s->latency.drain[3] != NULL && s->latency.drain[3]->count == 2 && s->latency.drain[3]->sum == 40);
  fclose(file);
  free(bytes);
  trace_model_finish(t);
  model_destroy(r);
  model_destroy(s);
}

static void drain(struct trace_model *t, struct trace_process *p, uint64_t time_ns, uint64_t ticks) {
  trace_on_tls_sll_drain(t, p, time_ns, &(struct event_tls_sll_drain){.cls = 3, .reason = DRAIN_LENGTH, .moved = 5, .ticks = ticks});
}

static const struct event_process clock_of_2_ghz = {.ticks_per_second = 2000000000, .clock_cost_ticks = 100, .version = "1"};

/* Ticks become nanoseconds, also those from before the process told how long a tick is. */
static void test_ticks(void) {
  struct report *const r = model_create(SOURCE_TRACE, "test");
  struct trace_model *const t = trace_model_create(r);
  struct trace_process *const p = trace_model_process(t, 1, "one"), *const q = trace_model_process(t, 2, "two");
  drain(t, p, 1000, 2100);
  trace_on_process(t, p, 2000, &clock_of_2_ghz);
  drain(t, p, 3000, 50);
  drain(t, q, 4000, 4100); /* never tells: the other's clock will do */
  trace_model_finish(t);
  model_finish(r);
  const struct histogram *const h = r->latency.drain[3];
  CHECK(!r->latency.ticks);
  CHECK(h != NULL && h->count == 3 && h->sum == 1050 + 25 + 2050 && h->max == 2050);
  CHECK(r->total->cls[3].counters.drain_length == 3 && r->total->cls[3].counters.drain_blocks == 15);
  CHECK(r->events == 4 && r->process_count == 2);
  CHECK(r->processes[0]->elapsed_ns == 2000);
  model_destroy(r);
}

static void test_no_clock(void) {
  struct report *const r = model_create(SOURCE_TRACE, "test");
  struct trace_model *const t = trace_model_create(r);
  drain(t, trace_model_process(t, 1, ""), 1000, 2100);
  trace_model_finish(t);
  CHECK(r->latency.ticks);
  CHECK(r->latency.drain[3] != NULL && r->latency.drain[3]->max == 2100);
  model_destroy(r);
}

static void fragment(struct trace_model *t, struct trace_process *p, uint64_t time_ns, uint32_t cls, uint64_t active, uint32_t bins) {
  static const uint32_t utilisation[STATS_UTILISATION_BINS] = {[5] = 2};
  trace_on_fragmentation(
    t, p, time_ns,
    &(struct event_fragmentation){.cls = cls, .requested = 10, .allocated = 20, .active = active, .utilisation = utilisation, .utilisation_bins = bins});
}

/* A snapshot is a run of classes; one that is not named any more has nothing any more. */
static void test_snapshots(void) {
  struct report *const r = model_create(SOURCE_TRACE, "test");
  struct trace_model *const t = trace_model_create(r);
  struct trace_process *const p = trace_model_process(t, 1, "");
  trace_on_process(t, p, 1000, &clock_of_2_ghz);
  fragment(t, p, 1100, 1, 100, STATS_UTILISATION_BINS);
  fragment(t, p, 1101, 2, 200, STATS_UTILISATION_BINS);
  fragment(t, p, 2100, 1, 150, STATS_UTILISATION_BINS);
  fragment(t, p, 2101, 1, 1, STATS_UTILISATION_BINS - 1);
  trace_model_finish(t);
  model_finish(r);
  const struct model_process *const m = r->processes[0];
  CHECK(m->timeline_length == 2);
  CHECK(m->timeline[0].time_ns == 100 && m->timeline[0].active == 300 && m->timeline[0].requested == 20);
  CHECK(m->timeline[1].active == 150 && m->timeline[1].rss == UNKNOWN);
  CHECK(m->peak_active == 300 && m->peak_ns == 100 && m->peak_utilisation[5] == 4);
  CHECK(r->total->cls[1].gauge.active == 150 && r->total->cls[2].gauge.active == 0);
  CHECK(r->lost.invalid == 1);
  model_destroy(r);
}

/* However long it runs, the timeline stays short and spans all of it. */
static void test_long_timeline(void) {
  struct report *const r = model_create(SOURCE_TRACE, "test");
  struct trace_model *const t = trace_model_create(r);
  struct trace_process *const p = trace_model_process(t, 1, "");
  for (uint64_t i = 1; i <= 100000; i++) {
    trace_on_process(t, p, i * 1000, &clock_of_2_ghz);
    fragment(t, p, i * 1000 + 1, 1, i, STATS_UTILISATION_BINS);
  }
  trace_model_finish(t);
  const struct model_process *const m = r->processes[0];
  CHECK(m->timeline_length > 200 && m->timeline_length <= 1024);
  CHECK(m->timeline[0].active == 1);
  CHECK(m->timeline[m->timeline_length - 1].active > 99000);
  CHECK(m->peak_active == 100000);
  model_destroy(r);
}

static void test_incidents(void) {
  struct report *const r = model_create(SOURCE_TRACE, "test");
  struct trace_model *const t = trace_model_create(r);
  struct trace_process *const p = trace_model_process(t, 1, "");
  const struct event_hdr_reset a = {.cls = 2,
                                    .got = 0,
                                    .expect = 0xa2,
                                    .verdict = HDR_OFF_BY_ONE_NUL,
                                    .stack = 7,
                                    .offset = 64,
                                    .over = 1,
                                    .good_thread = 9,
                                    .good_ago_ms = 11,
                                    .alloc_stack = 8,
                                    .alloc_thread = 10,
                                    .alloc_ago_ms = 12,
                                    .free_stack = 7,
                                    .free_thread = 11,
                                    .free_ago_ms = 13,
                                    .left_stack = 8,
                                    .size = 100,
                                    .access = (const void *)0x64,
                                    .way = ACCESS_WRITE};
  trace_on_hdr_reset(t, p, 1, &a);
  trace_on_hdr_reset(t, p, 2, &a);
  const struct event_hdr_reset no_class = {.cls = CLASS_NONE, .verdict = HDR_INVALID_POINTER};
  trace_on_hdr_reset(t, p, 3, &no_class);
  trace_on_stack(t, p, 4, &(struct event_stack){.id = 7, .frames = (const uintptr_t[]){1, 2, 3}, .frame_count = 3});
  trace_model_finish(t);
  model_finish(r);
  CHECK(r->total->counters.hdr_reset == 3 && r->total->cls[2].counters.hdr_reset == 2);
  CHECK(r->processes[0]->incident_count == 2 && r->processes[0]->incidents[0].count == 2);
  const struct event_hdr_reset *const e = &r->processes[0]->incidents[0].hdr_reset;
  CHECK(e->offset == 64 && e->over == 1 && e->good_thread == 9 && e->good_ago_ms == 11 && e->left_stack == 8);
  CHECK(e->size == 100 && e->access == (const void *)0x64 && e->way == ACCESS_WRITE);
  CHECK(e->alloc_stack == 8 && e->alloc_thread == 10 && e->alloc_ago_ms == 12 && e->free_stack == 7 && e->free_thread == 11 && e->free_ago_ms == 13);
  const struct model_stack *const stack = model_find_stack(r->processes[0], 7);
  CHECK(stack != NULL && stack->frame_count == 3 && stack->frames[2] == 3);
  model_destroy(r);
}

int main(void) {
  if (setlocale(LC_CTYPE, "C.UTF-8") == NULL) {
    puts("there is no locale C.UTF-8");
    return 77;
  }
  test_escape();
  test_format();
  test_short_name();
  test_quote();
  test_options();
  test_part();
  test_ticks();
  test_no_clock();
  test_snapshots();
  test_long_timeline();
  test_incidents();
  return wrong < 70 ? wrong : 70;
}
