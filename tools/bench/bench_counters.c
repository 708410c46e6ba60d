#include "bench_counters.h"

#include <linux/perf_event.h>
#include <math.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define READ_MISSES(cache) (PERF_COUNT_HW_CACHE_##cache | PERF_COUNT_HW_CACHE_OP_READ << 8 | PERF_COUNT_HW_CACHE_RESULT_MISS << 16)

static const struct {
  uint32_t type;
  uint64_t config;
} events[COUNTER_COUNT] = {
  [COUNTER_CYCLES] = {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES}, [COUNTER_INSTRUCTIONS] = {PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
  [COUNTER_L1D_MISSES] = {PERF_TYPE_HW_CACHE, READ_MISSES(L1D)},     [COUNTER_LLC_MISSES] = {PERF_TYPE_HW_CACHE, READ_MISSES(LL)},
  [COUNTER_DTLB_MISSES] = {PERF_TYPE_HW_CACHE, READ_MISSES(DTLB)},   [COUNTER_ALL_CYCLES] = {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
};

void counters_open(struct counters *c, pid_t pid, bool kernel) {
  for (unsigned i = 0; i < COUNTER_COUNT; i++) {
    c->fd[i] = -1;
    if (i == (kernel ? COUNTER_CYCLES : COUNTER_ALL_CYCLES)) continue;
    struct perf_event_attr attributes = {.size = sizeof(attributes),
                                         .type = events[i].type,
                                         .config = events[i].config,
                                         .disabled = 1,
                                         .enable_on_exec = 1,
                                         .inherit = 1,
                                         .exclude_kernel = i != COUNTER_ALL_CYCLES,
                                         .exclude_hv = 1,
                                         .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING};
    c->fd[i] = (int)syscall(SYS_perf_event_open, &attributes, pid, -1, -1, PERF_FLAG_FD_CLOEXEC);
  }
}

void counters_take(struct counters *c, double count[COUNTER_COUNT], bool *scaled) {
  *scaled = false;
  for (unsigned i = 0; i < COUNTER_COUNT; i++) {
    struct {
      uint64_t value, enabled, running;
    } r;
    count[i] = NAN;
    if (c->fd[i] < 0) continue;
    if (read(c->fd[i], &r, sizeof(r)) == sizeof(r) && r.running > 0) {
      count[i] = (double)r.value * ((double)r.enabled / (double)r.running);
      if (r.running < r.enabled) *scaled = true;
    }
    close(c->fd[i]);
  }
}
