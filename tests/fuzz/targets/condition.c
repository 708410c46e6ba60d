/*
 * condition: a condition of `hakmem check`, on the figures of a sound statistics block as run and baseline.
 */
#include "tests/fuzz/block.h"

#include "compare/condition.h"
#include "input/stats_model.h"

static struct figures figures;

static void make_figures(void) {
  struct input none = {0};
  struct report *const r = model_create(SOURCE_STATS, "/nowhere");
  MUST(stats_model_add(r, block_of(&none, 0), "block"));
  model_finish(r);
  figures_of(&figures, &(struct page){.stats = r, .main = r, .memory = r, .path = "/nowhere"});
  model_destroy(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  struct input in = {bytes, bytes + size};
  if (figures.count == 0) make_figures();
  const bool has_baseline = input_number(&in, 1) % 2 != 0;
  char *const text = input_line(&in);
  struct verdict verdict = condition_evaluate(text, &figures, has_baseline ? &figures : NULL);
  MUST(verdict.figures != NULL && verdict.column <= strlen(text));
  MUST(verdict.outcome == OUTCOME_TRUE || verdict.outcome == OUTCOME_FALSE || verdict.outcome == OUTCOME_UNKNOWN);
  MUST(verdict.error == NULL || (verdict.error[0] != '\0' && verdict.outcome == OUTCOME_UNKNOWN));
  condition_free(&verdict);
  free(text);
  return 0;
}
