/*
 * steps.h: what workloads.c calls of containers.cc. A step does a few operations of one thread: `own` is what the first function returned. It returns
 * the number of elements (or objects) that it made, and ends the program if an element is not what was stored.
 */
#ifndef BENCH_STEPS_H
#define BENCH_STEPS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BENCH_CXX_WORKLOADS(W) W(new_delete) W(vectors) W(maps) W(unordered_maps) W(strings)

#define BENCH_CXX_DECLARE(name) \
  void *name##_create(void); \
  uint64_t name##_step(void *own, uint64_t *random); \
  void name##_destroy(void *own);
BENCH_CXX_WORKLOADS(BENCH_CXX_DECLARE)

void bench_wrong(const char *what);

#ifdef __cplusplus
}
#endif

#endif
