/*
 * read_stats.c: reads a stats file: the block of a process that ended, was killed or still runs. A running process writes the file again and again,
 * so the reader takes a copy between two writings. The counters may be of slightly different moments. Every length and index is checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"
#include "alive.h"
#include "common/regular.h"
#include "present.h"
#include "read_stats.h"

#define BUCKET_MAX ((uint64_t)1 << 47) /* no process counts this far, even if each free is traced for months; a row can have twice as much */

static size_t read_all(int fd, void *into, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = read(fd, (char *)into + done, size - done);
    if (got <= 0 && !(got < 0 && errno == EINTR)) break;
    if (got > 0) done += (size_t)got;
  }
  return done;
}

static bool check_header(const struct stats_block *b, size_t got, const char *path) {
  const size_t header = offsetof(struct stats_block, pid);
  if (got == 0) return fail("%s is empty: there was no room for it, or its process ended before it could write", path);
  if (got < header || memcmp(b->magic, STATS_MAGIC, sizeof(b->magic)) != 0) return fail("%s is not a stats file of hakmem", path);
  if (b->version != STATS_VERSION) {
    return fail("%s has version %u of the stats format, this program reads version %d; use the hakmem that belongs to the library", path, b->version,
                STATS_VERSION);
  }
  if (b->classes != CLASS_ROWS || b->size != sizeof(*b)) {
    return fail("%s has another layout (%u classes, %llu bytes) than this program reads; use the hakmem that belongs to the library", path, b->classes,
                (unsigned long long)b->size);
  }
  if (got < sizeof(*b)) return fail("%s is cut off: %zu of %zu bytes", path, got, sizeof(*b));
  return true;
}

/*
 * Copies a histogram. A running process may be within a recording, so the count is set to the sum of the buckets. False if the buckets are
 * impossible; `place` NULL: only checks them.
 */
static bool take_histogram(struct histogram **place, const struct histogram *from) {
  struct histogram copy = *from;
  copy.count = 0;
  for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
    if (copy.bucket[i] > BUCKET_MAX) return false;
    copy.count += copy.bucket[i];
  }
  if (copy.count == 0 || place == NULL) return true;
  if (histogram_min(&copy) > copy.max) copy.min_inverted = ~copy.max;
  histogram_merge(model_histogram(place), &copy);
  return true;
}

static bool take_row(struct histogram **place, struct histogram_row row) {
  struct histogram whole = {0};
  histogram_merge_row(&whole, row);
  return take_histogram(place, &whole);
}

#define PLACE(of) (l != NULL ? &l->of : NULL)

/* Copies all histograms; if `l` is NULL, only checks whether they are possible. */
static bool take_histograms(struct model_latency *l, struct stats_block *b) {
  bool good = take_row(PLACE(legacy), stats_timing(&b->timings, TIMING_LEGACY)) && take_row(PLACE(map), stats_timing(&b->timings, TIMING_MAP));
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    good = good && take_row(PLACE(lookup[b->strategy][cls]), stats_span(&b->lookup, cls)) && take_row(PLACE(drain[cls]), stats_span(&b->drain, cls)) &&
           take_row(PLACE(refill[cls]), stats_span(&b->refill, cls));
  }
  for (unsigned stage = 0; stage < STAGE_COUNT; stage++) good = good && take_row(PLACE(stage[stage]), stats_timing(&b->timings, stage));
  return good;
}

/* Fills in the histograms of calls. False if they are impossible. */
static bool take_call_times(struct calls_of_process *calls, struct stats_block *b) {
  for (unsigned kind = 0; kind < CALL_KIND_COUNT; kind++) {
    for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
      struct histogram *const both[] = {&calls->slow[kind][cls], &calls->fast[kind][cls]};
      const struct histogram_row rows[] = {stats_span(&b->call_times.slow[kind], cls), stats_span(&b->call_times.fast[kind], cls)};
      for (unsigned i = 0; i < 2; i++) {
        histogram_merge_row(both[i], rows[i]);
        if (!take_histogram(NULL, both[i])) return false;
        histogram_complete(both[i]);
        if (histogram_min(both[i]) > both[i]->max) both[i]->min_inverted = ~both[i]->max;
      }
    }
  }
  return true;
}

static uint64_t less(uint64_t a, uint64_t b) { return a > b ? a - b : 0; }

/* A forked child's inherited counts are its parent's: they are not counted twice. */
static void take_counts(struct model_process *p, const struct stats_block *b) {
  struct model_counts *const counts = p->counts;
  counts->counters = b->counters;
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) {
    struct model_class *const row = &counts->cls[cls];
    const struct stats_class_gauges *const g = &b->gauge[cls];
    const uint64_t stride = cls < CLASS_COUNT ? class_stride(cls) : 0;
    row->counters = b->cls[cls];
    if (b->inherited_allocs[cls] > 0) p->forked = true;
    row->counters.allocs = less(row->counters.allocs, b->inherited_allocs[cls]);
    row->counters.frees = less(row->counters.frees, b->inherited_frees[cls]);
    row->gauge = (struct model_gauges){.requested = g->requested,
                                       .allocated = g->allocated,
                                       .active = g->active,
                                       .cached = (g->cached_tls + g->cached_pool) * stride,
                                       .partial = g->partial * stride,
                                       .slabs = g->slabs};
    for (unsigned bin = 0; bin < STATS_UTILISATION_BINS; bin++) row->utilisation[bin] = b->utilisation[cls][bin];
    if (cls < CLASS_COUNT) row->pins = b->pins[cls];
  }
}

static void add_calls(struct report *r, const struct model_process *p, const struct calls_of_process *calls) {
  struct stats_class_counters *const counters = must_allocate(CLASS_ROWS * sizeof(*counters));
  for (uint32_t cls = 0; cls < CLASS_ROWS; cls++) counters[cls] = p->counts->cls[cls].counters;
  calls_add(&r->calls, calls, counters);
  r->calls.cpu_ns += p->cpu_ns;
  r->calls.elapsed_ns += p->elapsed_ns;
  free(counters);
}

static void take_stacks(struct model_process *p, const struct stats_block *b, uint64_t *invalid) {
  for (uint32_t i = 0; i < STATS_STACKS; i++) {
    const struct stats_stack *const s = &b->stacks[i];
    if (s->id == 0) continue;
    if (s->frame_count > STATS_FRAMES) {
      (*invalid)++;
    } else {
      model_add_stack(p, &(struct model_stack){s->id, s->frame_count, (uint64_t *)s->frames, s->epoch, s->cut != 0});
    }
  }
  for (uint32_t i = 0; i < STATS_MODULES; i++) {
    struct stats_module m = b->modules[i];
    if (m.size != 0) model_add_module(p, &(struct model_module){m.base, m.size, m.offset, m.path, m.epoch, m.build_id});
  }
}

static void take_incidents(struct model_process *p, const struct stats_block *b, uint64_t *invalid) {
  for (uint32_t i = 0; i < STATS_INCIDENTS; i++) {
    const struct stats_incident *const incident = &b->incidents[i];
    if (incident->kind == INCIDENT_NONE) continue;
    const uint32_t cls = stats_incident_key(incident).cls;
    if (incident->kind >= INCIDENT_KINDS || (cls >= CLASS_ROWS && cls != CLASS_NONE)) {
      (*invalid)++;
    } else {
      model_add_incident(p, incident);
    }
  }
}

#define LEAK_MAX ((uint64_t)1 << 48) /* the number of addresses */

static int by_length(const void *a, const void *b) {
  const struct stats_call *const x = a, *const y = b;
  return x->ns < y->ns ? 1 : x->ns > y->ns ? -1 : 0;
}

/* Also the stacks of the longest calls, which no other entry has. */
static void take_calls(struct model_process *p, const struct stats_block *b, uint64_t *invalid) {
  p->cpu_ns = b->cpu_ns;
  p->calls_missed = b->calls_missed;
  p->calls = must_allocate(sizeof(b->calls));
  for (unsigned i = 0; i < STATS_CALLS; i++) {
    const struct stats_call *const call = &b->calls[i];
    if (call->ns == 0 || call->writing != 0) continue;
    if (call->kind >= CALL_KIND_COUNT || call->cls >= CLASS_ROWS || call->frame_count > STATS_FRAMES) (*invalid)++;
    else p->calls[p->call_count++] = *call;
  }
  qsort(p->calls, p->call_count, sizeof(*p->calls), by_length);
  for (size_t i = 0; i < p->call_count; i++) {
    struct stats_call *const call = &p->calls[i];
    if (call->frame_count == 0) continue;
    model_add_stack(p, &(struct model_stack){MODEL_CALL_STACK(i), call->frame_count, call->frames, call->epoch, call->cut != 0});
  }
}

static void take_leaks(struct model_process *p, const struct stats_block *b, uint64_t *invalid) {
  p->leaks_checked = b->leaks_checked != 0;
  for (uint32_t i = 0; i < STATS_LEAKS && b->leaks[i].blocks != 0; i++) {
    const struct stats_leak *const leak = &b->leaks[i];
    if (leak->kind >= leak_kind_count || leak->bytes > LEAK_MAX || leak->blocks > LEAK_MAX) (*invalid)++;
    else model_add_leak(p, leak);
  }
}

#define FIGURE_MAX ((uint64_t)1 << 50) /* also above the milliseconds of all blocks */

static bool is_true(const struct stats_site *site) {
  bool good = true;
#define CHECK_FIGURE(name, text) \
  good = good && site->name >= 0 && site->name <= (strstr(#name, "variance") != NULL ? (double)FIGURE_MAX * (double)FIGURE_MAX : (double)FIGURE_MAX);
  STATS_SITE_FIGURES(CHECK_FIGURE)
  return good && site->oldest_ms <= FIGURE_MAX && (site->cls < CLASS_ROWS || site->cls == CLASS_NONE);
}

static bool is_true_profile(const struct stats_profile *profile) {
  if (profile->site_count > STATS_SITES || profile->waste > FIGURE_MAX || profile->pinned > FIGURE_MAX || profile->allocated > FIGURE_MAX) return false;
  bool good = is_true(&profile->rest);
  for (uint32_t i = 0; i < profile->site_count; i++) good = good && is_true(&profile->sites[i]);
  return good;
}

static void take_profiles(struct model_process *p, const struct stats_block *b, uint64_t *invalid) {
  p->profile = b->profile;
  memcpy(p->settings, b->settings, sizeof(p->settings));
  for (unsigned moment = 0; moment < PROFILE_MOMENTS; moment++) {
    const uint32_t place = b->profile_at[moment];
    if (place == 0) continue;
    if (place > sizeof(b->profiles) / sizeof(b->profiles[0]) || !is_true_profile(&b->profiles[place - 1])) {
      (*invalid)++;
      continue;
    }
    p->profiles[moment] = must_allocate(sizeof(*p->profiles[moment]));
    *p->profiles[moment] = b->profiles[place - 1];
  }
  if (p->profiles[PROFILE_LAST] == NULL) p->profiles[PROFILE_LAST] = p->profiles[PROFILE_PEAK], p->profiles[PROFILE_PEAK] = NULL;
}

/* Names end, and rows without bytes are behind all others. */
static struct stats_threads checked_threads(const struct stats_threads *from) {
  struct stats_threads threads = *from;
  for (unsigned i = 0; i < STATS_THREADS; i++) {
    threads.row[i].name[STATS_THREAD_NAME - 1] = '\0';
    if (i > 0 && threads.row[i].bytes > threads.row[i - 1].bytes) threads.row[i].bytes = threads.row[i - 1].bytes;
  }
  return threads;
}

static void take_heat(struct model_process *p, const struct stats_heat *heat) {
  p->heat = must_allocate(sizeof(*heat));
  *p->heat = *heat;
}

static void take_memory(struct model_process *p, const struct stats_block *b) {
  p->has_buckets = true;
  p->buckets = b->buckets;
  p->mapped = b->mapped;
  p->committed = b->committed;
  p->untouched = b->untouched;
  p->rss = b->rss;
  p->rss_files = b->rss_files;
  p->rss_max = b->rss;
  p->superslabs_active = b->superslabs_active;
  p->superslabs_active_max = b->superslabs_active_max;
  p->idlest = b->idlest;
  memcpy(p->idlest_pins, b->idlest_pins, sizeof(p->idlest_pins));
  p->threads = checked_threads(&b->threads);
  p->idlest_threads = checked_threads(&b->idlest_threads);
  memcpy(p->mappings, b->mappings, sizeof(p->mappings));
  for (unsigned i = 0; i < STATS_MAPPINGS; i++) p->mappings[i].name[STATS_TEXT - 1] = '\0';
  p->legacy_refused_max = b->legacy_refused_max;
  p->timeline_has_buckets = true;
  for (uint32_t i = 0; i < b->timeline_length; i++) {
    model_add_moment(p, &b->timeline[i]);
    if (b->timeline[i].rss > p->rss_max) p->rss_max = b->timeline[i].rss;
  }
}

static void replace_text(char **place, char *text, size_t size) {
  text[size - 1] = '\0';
  free(*place);
  *place = must_copy(text);
}

static void take_identity(struct model_process *p, struct stats_block *b) {
  p->pid = b->pid;
  p->parent_pid = b->parent_pid;
  replace_text(&p->program, b->program, sizeof(b->program));
  replace_text(&p->version, b->hakmem_version, sizeof(b->hakmem_version));
  p->complete = b->complete == 1;
  p->state = p->complete ? PROCESS_ENDED : b->exited == 1 ? PROCESS_EXITED : b->is_copy == 1 ? PROCESS_COPIED : PROCESS_CUT_SHORT;
  p->pid_namespace = b->pid_namespace;
  p->has_settings = true;
  p->full_tracing = b->full_tracing == 1;
  p->strategy = b->strategy;
  p->superslab_size = b->superslab_size;
  p->superslab_limit = b->superslab_limit;
  p->drain_interval = b->drain_interval;
  p->sample = b->sample;
  p->release_delay = b->release_delay;
  p->huge_pages = b->huge_pages;
  p->ticks_per_second = b->ticks_per_second;
  p->clock_cost_ns = b->clock_cost_ns;
  p->start_realtime_ns = b->start_realtime_ns;
  p->elapsed_ns = b->elapsed_ns;
}

static bool is_true_map(const struct stats_map *map) {
  if (map->superslab_count > STATS_MAP_SUPERSLABS || map->slab_count > STATS_MAP_SLABS) return false;
  for (uint32_t i = 0; i < map->slab_count; i++) {
    if (map->slab[i].superslab >= map->superslab_count) return false;
  }
  return map->superslab_count <= map->superslabs && map->slab_count <= map->slabs;
}

static void take_maps(struct model_process *p, const struct stats_block *b, uint64_t *invalid) {
  for (uint32_t i = 0; i < b->map_count && i < STATS_MAPS; i++) {
    if (b->map_at[i] >= STATS_MAPS || !is_true_map(&b->maps[b->map_at[i]])) {
      ++*invalid;
      continue;
    }
    p->maps[p->map_count] = must_allocate(sizeof(struct stats_map));
    *p->maps[p->map_count++] = b->maps[b->map_at[i]];
  }
}

static bool take_block(struct report *r, struct stats_block *b, const char *path) {
  for (uint32_t i = 0; i < STATS_MODULES; i++) {
    b->modules[i].path[STATS_TEXT - 1] = '\0';
    b->modules[i].build_id[STATS_BUILD_ID - 1] = '\0';
  }
  if (b->strategy >= lookup_strategy_count || b->timeline_length > STATS_TIMELINE || b->heat.length > STATS_HEAT) {
    return fail("%s is damaged: a value in its header is out of range", path);
  }
  struct calls_of_process *const calls = must_allocate(sizeof(*calls));
  if (!take_histograms(NULL, b) || !take_call_times(calls, b)) { /* the report has nothing of this file */
    free(calls);
    return fail("%s is damaged: a histogram in it cannot be true", path);
  }
  take_histograms(&r->latency, b);
  struct model_process *const p = model_add_process(r);
  take_identity(p, b);
  take_counts(p, b);
  take_calls(p, b, &r->lost.invalid);
  add_calls(r, p, calls);
  free(calls);
  take_memory(p, b);
  take_heat(p, &b->heat);
  take_stacks(p, b, &r->lost.invalid);
  take_incidents(p, b, &r->lost.invalid);
  take_leaks(p, b, &r->lost.invalid);
  take_profiles(p, b, &r->lost.invalid);
  take_maps(p, b, &r->lost.invalid);
  r->lost.reentered += b->counters.reentered;
  r->lost.stacks_missed += b->stacks_missed;
  r->lost.modules_missed += b->modules_missed;
  r->lost.incidents_missed += b->incidents_missed;
  return true;
}

#define READINGS 5       /* readings of the file of a busy process */
#define WAIT_NS 2000000L /* it takes far less to write it */

/* Reads the file, again if it was being written. A process that was killed while it wrote leaves such a file: that is taken as it is. */
static size_t read_block(int fd, struct stats_block *block) {
  size_t got = 0;
  for (unsigned i = 0; i < READINGS; i++) {
    uint32_t after;
    if (i > 0) nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
    got = read_all(fd, block, sizeof(*block));
    if (got < sizeof(*block)) break;
    const bool whole = block->publication % 2 == 0 && pread(fd, &after, sizeof(after), offsetof(struct stats_block, publication)) == (ssize_t)sizeof(after);
    if ((whole && after == block->publication) || lseek(fd, 0, SEEK_SET) != 0) break;
  }
  return got;
}

bool read_stats_block(int fd, const char *path, struct stats_block *block) {
  return lseek(fd, 0, SEEK_SET) == 0 && check_header(block, read_block(fd, block), path);
}

/* Whether another program's file shows that this process called exec, and was not killed. */
bool read_stats_became(const struct stats_identity *a, const struct stats_identity *b) {
  return !a->complete && a->pid_namespace != 0 && b->pid == a->pid && b->pid_namespace == a->pid_namespace && b->parent_pid == a->parent_pid &&
         b->start_realtime_ns > a->start_realtime_ns;
}

static struct stats_identity identity_of(const struct model_process *p) {
  return (struct stats_identity){p->pid, p->parent_pid, p->pid_namespace, p->start_realtime_ns, p->complete};
}

static bool has_become_another(const struct report *r, const struct model_process *p) {
  const struct stats_identity own = identity_of(p);
  for (size_t i = 0; i < r->process_count; i++) {
    const struct stats_identity other = identity_of(r->processes[i]);
    if (read_stats_became(&own, &other)) return true;
  }
  return false;
}

void read_stats_end(struct report *r) {
  for (size_t i = 0; i < r->process_count; i++) {
    struct model_process *const p = r->processes[i];
    p->has_called_exec = has_become_another(r, p);
    if (p->has_called_exec) p->state = PROCESS_EXEC;
    if (p->state == PROCESS_CUT_SHORT) r->lost.incomplete++;
  }
}

/* How a block was read: from the memory of a process that is alive, or, for the reason of an errno, from its file alone. */
struct reading {
  enum alive state;
  bool is_present;
  int refusal;
  uint64_t age_ns;
};

static uint64_t age_of(int fd) {
  struct stat status;
  struct timespec now;
  if (fstat(fd, &status) != 0 || clock_gettime(CLOCK_REALTIME, &now) != 0) return 0;
  const int64_t age = (int64_t)(now.tv_sec - status.st_mtim.tv_sec) * 1000000000 + (now.tv_nsec - status.st_mtim.tv_nsec);
  return age > 0 ? (uint64_t)age : 0;
}

/* Reads the file, and the memory of its process if that is alive. One that ends meanwhile has written its end. */
static bool read_now(int fd, const char *path, struct stats_block *block, struct reading *reading) {
  for (unsigned i = 0; i < READINGS; i++) {
    uint32_t pid;
    reading->state = alive_writer(fd, &pid); /* first: a process that ends now writes its end before it gives up its lock */
    if (lseek(fd, 0, SEEK_SET) != 0 || !check_header(block, read_block(fd, block), path)) return false;
    reading->age_ns = age_of(fd);
    if (reading->state == ALIVE_NO || block->complete == 1 || block->exited == 1) break;
    reading->refusal = present_take(block, pid);
    reading->is_present = reading->refusal == 0;
    if (reading->refusal != ESRCH) break;
  }
  return true;
}

static void take_reading(struct model_process *p, const struct reading *reading) {
  if (p->state != PROCESS_CUT_SHORT || reading->state == ALIVE_NO) return;
  p->state = reading->state == ALIVE_STOPPED ? PROCESS_STOPPED : PROCESS_RUNS;
  p->is_present = reading->is_present;
  p->refusal = reading->refusal;
  p->age_ns = reading->age_ns;
}

bool read_stats_file(struct report *r, const char *path, uint32_t pid) {
  const int fd = regular_open(path);
  if (fd < 0) return false;
  struct stats_block *const block = must_allocate(sizeof(*block));
  const size_t count = r->process_count;
  struct reading reading = {0};
  bool good = read_now(fd, path, block, &reading);
  close(fd);
  good = good && ((pid != 0 && block->pid != pid) || take_block(r, block, path));
  if (r->process_count > count) take_reading(r->processes[count], &reading);
  free(block);
  return good;
}

bool read_stats_check(const char *path, struct stats_identity *identity) {
  const size_t head = offsetof(struct stats_block, stride);
  const int fd = regular_open(path);
  if (fd < 0) return false;
  struct stats_block *const block = must_allocate(sizeof(*block));
  struct stat status;
  bool good = false;
  for (unsigned i = 0; i < READINGS; i++) { /* a live process may be writing it */
    if (i > 0) nanosleep(&(struct timespec){.tv_nsec = WAIT_NS}, NULL);
    const bool there = pread(fd, block, head, 0) == (ssize_t)head && fstat(fd, &status) == 0;
    good = check_header(block, there ? (size_t)status.st_size : 0, path) &&
           (block->publication % 2 == 0 || fail("%s was not written to the end: its process was killed, or there was no room", path));
    if (good || !there || block->publication % 2 == 0) break;
  }
  close(fd);
  if (good) *identity = (struct stats_identity){block->pid, block->parent_pid, block->pid_namespace, block->start_realtime_ns, block->complete != 0};
  free(block);
  return good;
}
