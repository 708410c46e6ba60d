#include "explain/explain.h"
#include "page.h"
#include "report/json/json.h"

#define OWN_PROCESSES 32 /* a page of more processes shows the latencies of all together */

/*
 * The figures of each process alone, by its id: the same as of hakmem report --json --pid=ID. NULL if there is one process or too
 * many, or for a trace, which would have to be read once for each.
 */
static json_t *own_figures(const struct page *page, const struct load *load) {
  const struct report *const r = page->stats;
  if (page->trace != NULL || r->process_count < 2 || r->process_count > OWN_PROCESSES) return NULL;
  json_t *const object = json_object();
  for (size_t i = 0; i < r->process_count; i++) {
    struct page one = {.all = true};
    struct load load_one = *load;
    load_one.pid = r->processes[i]->pid;
    if (load_page(&one, &load_one)) {
      char id[16];
      snprintf(id, sizeof(id), "%u", r->processes[i]->pid);
      json_object_set_new(object, id, json_of_figures(one.stats));
    }
    load_free(&one);
  }
  return object;
}

bool page_add_run(json_t *runs, const struct load *load) {
  struct page page = {.all = true, .slab_maps = true};
  const bool good = load_page(&page, load);
  if (page.main != NULL) {
    struct diagnosis *const d = diagnosis_create(&page);
    json_t *const run = json_object();
    json_object_set_new(run, "report", json_of_page(&page));
    json_object_set_new(run, "explain", json_of_diagnosis(d));
    json_t *const own = good ? own_figures(&page, load) : NULL;
    if (own != NULL) json_object_set_new(run, "own", own);
    json_array_append_new(runs, run);
    diagnosis_destroy(d);
  }
  load_free(&page);
  return good;
}
