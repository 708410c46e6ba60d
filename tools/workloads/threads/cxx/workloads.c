/* The workloads in C++, as the table of main.c wants them: what they do is in containers.cc. */
#include "../workload.h"
#include "steps.h"

void bench_wrong(const char *what) { bench_fail("%s does not hold what was stored in it", what); }

#define FUNCTIONS(name) \
  static void prepare_##name(struct worker *w) { w->own = name##_create(); } \
  static void work_##name(struct worker *w) { \
    while (goes_on(w, name##_step(w->own, &w->random))) {} \
  } \
  static void finish_##name(struct worker *w) { name##_destroy(w->own); }
BENCH_CXX_WORKLOADS(FUNCTIONS)

#define WORKLOAD(id, about, count) \
  const struct workload id = {.name = #id, .what = about, .ops = count, .prepare = prepare_##id, .work = work_##id, .finish = finish_##id}

WORKLOAD(new_delete, "objects of 16 to 256 bytes by new and sized delete", 25000000);
WORKLOAD(vectors, "std::vector that grows by push_back to 8 to 3000 numbers", 800000000);
WORKLOAD(maps, "std::map of 4000 numbers, as many put in as taken out", 4000000);
WORKLOAD(unordered_maps, "std::unordered_map of 4000 numbers, as many put in as taken out", 12000000);
WORKLOAD(strings, "std::string that grows by pieces to 16 to 300 characters", 8000000);
