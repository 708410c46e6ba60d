#include "gather.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"
#include "common/progress.h"
#include "common/regular.h"
#include "common/sandbox.h"
#include "inputs.h"
#include "merged/merged.h"
#include "outcome.h"
#include "read_stats.h"
#include "unrecorded.h"

/* The statistics files of one argument. */
struct gathering {
  struct inputs in;
  struct stats_identity *identity; /* of each file; a merge has none */
};

static bool is_merge(const char *path) {
  const int fd = regular_open(path);
  const bool is = fd >= 0 && merged_is_file(fd);
  if (fd >= 0) close(fd);
  return is;
}

/* ---- One file. ---- */

static bool twice(const char *path) { return fail("a process of %s is in what was named before it, too, and would count twice", path); }

static bool add_merge(struct merged *m, const char *path) {
  struct merged *const from = must_allocate(sizeof(*from));
  const int fd = regular_open(path);
  bool good = fd >= 0 && merged_read(from, fd, path);
  if (fd >= 0) close(fd);
  good = good && (merged_add(m, from) || twice(path));
  free(from);
  return good;
}

static bool has_become_another(const struct gathering *g, size_t file) {
  for (size_t i = 0; i < g->in.stats_count; i++) {
    if (read_stats_became(&g->identity[file], &g->identity[i])) return true;
  }
  return false;
}

static bool add_process(struct merged *m, const struct gathering *g, size_t file) {
  const char *const path = g->in.stats[file];
  struct report *const r = model_create(SOURCE_STATS, path);
  bool good = read_stats_file(r, path, 0);
  if (good) {
    struct model_process *const p = r->processes[0];
    read_stats_end(r);
    p->has_called_exec = has_become_another(g, file);
    if (p->has_called_exec) p->state = PROCESS_EXEC, r->lost.incomplete = 0;
    good = merged_add_report(m, r) || twice(path);
  }
  model_destroy(r);
  return good;
}

/* ---- What lies beside the files. ---- */

static bool add_outcomes(struct merged *m, const struct inputs *in) {
  for (size_t i = 0; i < in->outcome_count; i++) {
    struct outcome outcome;
    if (!outcome_read(&outcome, in->outcomes[i])) return false;
    if (outcome.by_signal) m->sums.killed++;
    else m->sums.failed += outcome.number != 0;
  }
  return true;
}

static bool add_unrecorded(struct merged *m, const struct inputs *in) {
  struct unrecorded_list all = {0};
  bool good = true;
  for (size_t i = 0; good && i < in->unrecorded_count; i++) good = unrecorded_read(&all, in->unrecorded[i]);
  m->sums.lost.unrecorded += all.count;
  unrecorded_free(&all);
  return good;
}

/* Directories with statistics files that are no merges: those count their own runs. */
static uint64_t count_runs(const struct gathering *g) {
  const char **const seen = must_allocate((g->in.stats_count + 1) * sizeof(*seen));
  uint64_t runs = 0;
  for (size_t i = 0; i < g->in.stats_count; i++) {
    const char *const path = g->in.stats[i], *const slash = strrchr(path, '/');
    const size_t length = slash != NULL ? (size_t)(slash - path) + 1 : 0;
    bool is_new = !is_merge(path);
    for (uint64_t k = 0; is_new && k < runs; k++) is_new = strncmp(seen[k], path, length) != 0 || strchr(seen[k] + length, '/') != NULL;
    if (is_new) seen[runs++] = path;
  }
  free(seen);
  return runs;
}

/* ---- All of them. ---- */

static bool add_files(struct merged *m, struct gathering *g, uint64_t *files) {
  const size_t count = g->in.stats_count;
  g->identity = must_allocate((count + 1) * sizeof(*g->identity));
  for (size_t i = 0; count > 1 && i < count; i++) {
    if (!is_merge(g->in.stats[i]) && !read_stats_check(g->in.stats[i], &g->identity[i])) return false;
  }
  for (size_t i = 0; i < count; i++) {
    if (is_merge(g->in.stats[i]) ? !add_merge(m, g->in.stats[i]) : !add_process(m, g, i)) return false;
    progress_update(++*files, 0, "files");
    sandbox_alive();
  }
  m->sums.runs += count_runs(g);
  return true;
}

bool gather(struct merged *m, const char *path, uint64_t *files) {
  struct gathering g = {0};
  bool good = inputs_add(&g.in, path);
  if (good && g.in.stats_count == 0) {
    good = fail("%s holds a trace and no statistics files, which alone can be merged; hakmem report reads several traces at once", path);
  }
  good = good && add_files(m, &g, files) && add_outcomes(m, &g.in) && add_unrecorded(m, &g.in);
  free(g.identity);
  inputs_fini(&g.in);
  return good;
}
