#include "families.h"

#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/memory.h"

/* ---- Collecting them ---- */

void families_rewind(struct families *all, const char *program, const char *pid) {
  all->at = 0;
  all->program = program;
  all->pid = pid;
}

struct family *families_next(struct families *all, enum family_type type, const char *name, const char *unit, const char *label, const char *help) {
  if (all->at == all->count) {
    all->list = must_grow(all->list, all->count, &all->capacity, sizeof(*all->list));
    all->list[all->count++] = (struct family){.name = must_copy(name), .help = help, .unit = unit, .label = label, .type = type};
  }
  return &all->list[all->at++];
}

static struct sample *add(const struct families *all, struct family *f, const char *value) {
  f->samples = must_grow(f->samples, f->count, &f->capacity, sizeof(*f->samples));
  struct sample *const s = &f->samples[f->count++];
  *s = (struct sample){0};
  if (all->program != NULL) s->program = must_copy(all->program), s->pid = must_copy(all->pid);
  if (value != NULL) s->value = must_copy(value);
  return s;
}

void families_add(const struct families *all, struct family *f, const char *value, double figure) { add(all, f, value)->figure = figure; }

void families_add_histogram(const struct families *all, struct family *f, const char *value, const struct histogram *h) { add(all, f, value)->h = h; }

void families_free(struct families *all) {
  for (size_t i = 0; i < all->count; i++) {
    struct family *const f = &all->list[i];
    for (size_t k = 0; k < f->count; k++) {
      free(f->samples[k].program);
      free(f->samples[k].pid);
      free(f->samples[k].value);
    }
    free(f->samples);
    free(f->name);
  }
  free(all->list);
  *all = (struct families){0};
}
