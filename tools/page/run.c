#include "explain/explain.h"
#include "page.h"
#include "report/load.h"

bool page_add_run(json_t *runs, char **path, uint32_t pid) {
  struct page page = {.all = true};
  const bool good = load_page(&page, &(struct load){.paths = path, .count = 1, .pid = pid});
  if (page.main != NULL) {
    struct diagnosis *const d = diagnosis_create(&page);
    json_t *const run = json_object();
    json_object_set_new(run, "report", json_of_page(&page));
    json_object_set_new(run, "explain", json_of_diagnosis(d));
    json_array_append_new(runs, run);
    diagnosis_destroy(d);
  }
  load_free(&page);
  return good;
}
