/*
 * explain_loading.c: rules about other allocators in the process: one that serves malloc in place of hakmem, libraries that RTLD_DEEPBIND would have tied to
 * the C library's malloc, and other allocators that are loaded.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/format.h"
#include "explain.h"

const char *rule_own_malloc(struct diagnosis *d) {
  for (size_t i = 0; i < d->r->process_count; i++) {
    const struct model_process *const p = d->r->processes[i];
    const struct model_module *const module = model_own_malloc(p);
    if (module == NULL) continue;
    struct finding *const f = finding_add(d, "own_malloc", FINDING_DATA, p);
    char *const path = escape(module->path), *const program = escape(format_last_part(p->program));
    const uint64_t served = model_sum_allocs(p->counts);
    finding_what(f, "%s does not use hakmem's malloc, but one of its own: hakmem does not see its blocks.", program);
    finding_evidence(f, "%s defines malloc; of all objects that do, the loader found it first", path);
    finding_evidence(f, "%" PRIu64 " allocation%s came to hakmem, from libraries, or because that malloc hands calls on", served, served == 1 ? "" : "s");
    finding_figure(f, "allocations", (double)served);
    finding_change(f, "Build the program without its allocator. If that is a library (jemalloc, tcmalloc), link it as a shared library: then LD_PRELOAD "
                      "replaces it. If another library is preloaded, name libhakmem.so before it.");
    finding_effect(f, "hakmem serves the program's blocks, and they are in these figures");
    free(path);
    free(program);
  }
  return NULL;
}

const char *rule_deepbind(struct diagnosis *d) {
  const uint64_t count = d->r->total->counters.deepbind;
  if (count == 0) return NULL;
  struct finding *const f = finding_add(d, "deepbind", FINDING_NOTE, NULL);
  finding_what(f, "The program opens libraries with RTLD_DEEPBIND: hakmem left the flag out.");
  finding_evidence(f, "%" PRIu64 " time%s (HAKMEM_LOG=hdr names each library)", count, count == 1 ? "" : "s");
  finding_evidence(f, "with the flag, such a library would call the C library's malloc, and get hakmem's blocks to free");
  finding_figure(f, "count", (double)count);
  finding_change(f, "Nothing, unless such a library brings names of its own that others have, too: then open it without the flag and give it a "
                    "version script, or link it with -Bsymbolic.");
  finding_effect(f, "the library uses its own names, whatever malloc the process has");
  return NULL;
}

/* The file names of other allocators begin so. The library enters loaded ones among the modules. */
static const struct { const char *file, *name; } allocators[] = {ALLOCATOR_FILES(ALLOCATOR_ENTRY)};

static const char *allocator_of(const char *path) {
  const char *const file = format_last_part(path);
  for (size_t i = 0; i < sizeof(allocators) / sizeof(allocators[0]); i++) {
    if (strncmp(file, allocators[i].file, strlen(allocators[i].file)) == 0) return allocators[i].name;
  }
  return NULL;
}

static void tell(struct diagnosis *d, const struct model_process *p, const struct model_module *module, const char *name) {
  struct finding *const f = finding_add(d, "other_allocator", FINDING_NOTE, p);
  char *const path = escape(module->path);
  finding_what(f, "Another allocator is loaded beside hakmem: %s.", name);
  finding_evidence(f, "%s", path);
  finding_evidence(f, "malloc, free, new and delete are hakmem's, and so is jemalloc's extended interface; calls by other names of "
                      "that allocator are not in these figures");
  finding_change(f, "If such memory matters, link the program without that allocator.");
  finding_effect(f, "all of the program's blocks are in these figures");
  free(path);
}

const char *rule_other_allocator(struct diagnosis *d) {
  for (size_t i = 0; i < d->r->process_count; i++) {
    const struct model_process *const p = d->r->processes[i];
    for (size_t n = 0; n < p->module_count; n++) {
      const char *const name = allocator_of(p->modules[n].path);
      if (name != NULL) tell(d, p, &p->modules[n], name);
    }
  }
  return NULL;
}
