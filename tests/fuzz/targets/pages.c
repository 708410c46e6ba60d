/*
 * pages: everything that shows a run, of a damaged statistics block with hostile names in it. Whatever the process was called and did: text is valid
 * UTF-8 without control characters, JSON is JSON, no name ends a script in the page.
 *
 *   what 1   name of functions, a line   name of files, a line   patches of the block
 */
#include "tests/fuzz/block.h"
#include "tests/fuzz/names.h"
#include "tests/fuzz/text.h"

#include <jansson.h>
#include <locale.h>

#include "common/error.h"
#include "common/format.h"
#include "explain/explain.h"
#include "export/export.h"
#include "input/read_stats.h"
#include "input/stats_model.h"
#include "page/page.h"
#include "report/json/json.h"

#define PATCHES 48

static char *shown;
static size_t shown_size;

static FILE *begin(void) {
  free(shown);
  shown = NULL;
  FILE *const out = open_memstream(&shown, &shown_size);
  MUST(out != NULL);
  return out;
}

static void end_plain(FILE *out) {
  MUST(fclose(out) == 0);
  if (!text_is_plain(shown, shown_size)) fwrite(shown, 1, shown_size, stderr);
  MUST(text_is_plain(shown, shown_size));
}

static void end_json(FILE *out) {
  json_error_t error;
  MUST(fclose(out) == 0 && text_is_plain(shown, shown_size));
  json_t *const root = json_loadb(shown, shown_size, 0, &error);
  if (root == NULL) fprintf(stderr, "%s\n%s\n", error.text, shown);
  MUST(root != NULL);
  json_decref(root);
}

/* ---- What is shown. ---- */

static void show_text(const struct page *page) {
  struct diagnosis *const d = diagnosis_create(page);
  FILE *out = begin();
  explain_first_screen(out, d);
  explain_text(out, d);
  diagnosis_destroy(d);
  print_text(out, page);
  print_replaced(out);
  end_plain(out);
}

static void show_json(const struct page *page) {
  FILE *const out = begin();
  MUST(json_write(out, json_of_page(page)));
  end_json(out);
}

static void show_findings(const struct page *page) {
  struct diagnosis *const d = diagnosis_create(page);
  FILE *const out = begin();
  MUST(explain_json(out, d));
  end_json(out);
  diagnosis_destroy(d);
}

static unsigned count_of(const char *what) {
  unsigned count = 0;
  for (const char *at = shown; (at = strcasestr(at, what)) != NULL; at++) count++;
  return count;
}

/* Only the template's own scripts begin and end in the page. */
static void show_html(const struct page *page) {
  static unsigned own, own_ends, own_comments;
  json_t *const runs = json_array(), *const run = json_object();
  struct diagnosis *const d = diagnosis_create(page);
  json_object_set_new(run, "report", json_of_page(page));
  json_object_set_new(run, "explain", json_of_diagnosis(d));
  diagnosis_destroy(d);
  FILE *const out = begin();
  json_t *const none = json_array();
  if (own == 0) {
    MUST(page_write(out, none, json_null()) && fclose(out) == 0);
    own = count_of("<script"), own_ends = count_of("</script"), own_comments = count_of("<!--");
    json_array_append_new(runs, run);
    json_decref(runs);
    return;
  }
  json_decref(none);
  json_array_append_new(runs, run);
  MUST(page_write(out, runs, json_null()) && fclose(out) == 0);
  MUST(strlen(shown) == shown_size && text_is_utf8(shown, shown_size));
  MUST(count_of("<script") == own && count_of("</script") == own_ends && count_of("<!--") == own_comments);
}

/* ---- Formats of other tools. ---- */

static void check_openmetrics(void) {
  MUST(shown_size >= 6 && strcmp(shown + shown_size - 6, "# EOF\n") == 0 && count_of("\n\n") == 0);
  for (const char *line = shown; *line != '\0'; line = strchr(line, '\n') + 1) MUST(strncmp(line, "# ", 2) == 0 || strncmp(line, "hakmem_", 7) == 0);
}

static void export_one(const struct page *page, bool (*write)(FILE *out, const struct page *page, const struct export_options *o),
                       void (*list)(struct export_parts *parts, const struct page *page), unsigned which, void (*end)(FILE *out)) {
  struct export_parts parts = {0};
  struct export_options options = {.value = (enum export_value)(which % VALUE_COUNT)};
  if (list != NULL) list(&parts, page);
  if (list != NULL && parts.count == 0) return;
  if (list != NULL) options.part = parts.names[which % parts.count];
  FILE *const out = begin();
  if (write(out, page, &options)) {
    end(out);
  } else {
    MUST(failure()[0] != '\0');
    fclose(out);
    shown_size = 0;
  }
  parts_free(&parts);
}

/* gzip'd. */
static void end_binary(FILE *out) { MUST(fclose(out) == 0 && shown_size > 18 && (unsigned char)shown[0] == 0x1f); }

/* A name may go on in a further line, within quotes. */
static void end_csv(FILE *out) {
  MUST(fclose(out) == 0 && text_is_utf8(shown, shown_size) && strlen(shown) == shown_size);
  MUST(count_of("\"") % 2 == 0);
}

static void export_any(const struct page *page, unsigned which) {
  switch (which % 8) {
    case 0: export_one(page, export_pprof, NULL, which / 8, end_binary); break;
    case 1: export_one(page, export_folded, NULL, which / 8, end_plain); break;
    case 2: export_one(page, export_speedscope, NULL, which / 8, end_json); break;
    case 3: export_one(page, export_perfetto, NULL, which / 8, end_json); break;
    case 4: export_one(page, export_hgrm, parts_hgrm, which / 8, end_plain); break;
    case 5: export_one(page, export_dhat, NULL, which / 8, end_json); break;
    case 6:
      export_one(page, export_openmetrics, NULL, which / 8, end_plain);
      if (shown_size > 0) check_openmetrics();
      break;
    default: export_one(page, export_csv, parts_csv, which / 8, end_csv);
  }
}

static void show(struct page *page, unsigned what) {
  page->all = what & 1;
  page->slab_maps = what & 2;
  page->by = what & 4 ? GROUP_BY_PROGRAM : GROUP_BY_NOTHING;
  switch (what >> 3 & 7) {
    case 0:
    case 1: show_text(page); break;
    case 2: show_json(page); break;
    case 3: show_findings(page); break;
    case 4: show_html(page); break;
    default: export_any(page, what >> 3 & 31 ? what : 0); export_any(page, what >> 6 | what << 2);
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct input in = {bytes, bytes + size};
  static bool begun;
  if (!begun) {
    setlocale(LC_ALL, "C.UTF-8");
    format_init();
    setenv("COLUMNS", "80", 1);
  }
  begun = true;
  const unsigned what = (unsigned)input_number(&in, 1);
  char *const function = input_line(&in), *const file = input_line(&in);
  names_are(function[0] != '\0' ? function : NULL, file[0] != '\0' ? file : NULL);
  struct report *const r = model_create(SOURCE_STATS, function);
  struct page page = {.stats = r, .main = r, .memory = r, .path = function};
  unrecorded_add(&page.unrecorded, 12, function, file);
  if (stats_model_add(r, block_of(&in, PATCHES), "block")) {
    read_stats_end(r);
    model_finish(r);
    show(&page, what);
  }
  unrecorded_free(&page.unrecorded);
  model_destroy(r);
  names_are(NULL, NULL);
  free(function);
  free(file);
  return 0;
}
