/*
 * explain_sites.c: evidence of allocation sites, of processes that ran with HAKMEM_PROFILE.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "common/escape.h"
#include "common/format.h"
#include "report/sites.h"

#define PLACES_TOLD 3
#define SITES_LOOKED 8
#define ERROR_SIZE (FORMAT_SIZE + 32)

/* " (standard error 12.0 KiB)"; "" for a figure that is exact. */
static const char *name_error(char *text, size_t size, double variance) {
  char bytes[FORMAT_SIZE];
  text[0] = '\0';
  if (variance > 0) snprintf(text, size, " (standard error %s)", format_bytes(bytes, whole_number(sqrt(variance) + 0.5)));
  return text;
}

/* A place of the program, with all sites that allocate there: their stacks differ within the C++ library alone, whose functions are not named. */
struct place {
  char *where; /* NULL: unknown */
  struct stats_site f;
};

typedef double figure_of(const struct stats_site *f);
static double pinned_of(const struct stats_site *f) { return f->pinned; }
static double allocated_of(const struct stats_site *f) { return f->allocated; }

static bool is_at(const struct place *place, const char *where) { return where != NULL && place->where != NULL && strcmp(place->where, where) == 0; }

/* The places of the first sites, those with the largest figure first. Returns how many there are. The caller frees their names. */
static size_t places_of(struct place *places, const struct diagnosis *d, const struct model_process *p, const struct site *sites, size_t count,
                        figure_of *figure) {
  size_t kept = 0;
  for (size_t i = 0; i < count && i < SITES_LOOKED; i++) {
    char *const where = explain_place(d, p, sites[i].stack);
    size_t at = 0;
    while (at < kept && !is_at(&places[at], where)) at++;
    if (at == kept) {
      places[kept++] = (struct place){where, sites[i].f};
    } else {
      sites_add(&places[at].f, &sites[i].f);
      free(where);
    }
    for (; at > 0 && figure(&places[at].f) > figure(&places[at - 1].f); at--) {
      const struct place larger = places[at];
      places[at] = places[at - 1];
      places[at - 1] = larger;
    }
  }
  return kept;
}

/* The moment that best shows which sites hold memory that is in no live block. */
static const struct stats_profile *idlest(const struct model_process *p) {
  const struct stats_profile *most = NULL;
  for (unsigned i = PROFILE_MOMENTS; i-- > 0;) {
    if (p->profiles[i] != NULL && (most == NULL || p->profiles[i]->pinned > most->pinned)) most = p->profiles[i];
  }
  return most;
}

#define AGE_TOLD 1000000000u /* ns */
#define AGE_MISLEADS 100000000u

static uint64_t age_of(const struct stats_profile *profile, const struct model_process *p) {
  return p->elapsed_ns > profile->time_ns ? p->elapsed_ns - profile->time_ns : 0;
}

/* A profile costs time, so it is taken now and then, by a thread that allocates: what happened since is not in it. */
static void tell_age(struct finding *f, const struct model_process *p, const struct stats_profile *profile, bool told) {
  char age[FORMAT_SIZE], bytes[FORMAT_SIZE];
  format_ns(age, (double)age_of(profile, p));
  if (told && age_of(profile, p) > AGE_TOLD) finding_evidence(f, "the call sites are as of the last profile, %s before", age);
  if (!told && age_of(profile, p) > AGE_MISLEADS)
    finding_evidence(f, "no call site stands out: when the last profile was taken, %s before, %s were free in nearly empty slabs", age,
                     format_bytes(bytes, profile->pinned));
}

/* "about 102 MiB of it (standard error 101 MiB)". An estimate from few samples may exceed the whole: then "59.0 MiB to all of it (one standard error)". */
static void tell_pinned(struct finding *f, const struct stats_site *s, double whole, const char *where) {
  char bytes[FORMAT_SIZE], age[FORMAT_SIZE], error[ERROR_SIZE];
  const double least = s->pinned - sqrt(s->pinned_variance);
  format_ns(age, s->pins > 0 ? s->pin_age_ms / s->pins * 1e6 : 0);
  if (s->pinned <= whole)
    finding_evidence(f, "about %s of it%s in slabs that %.0f blocks hold nearly empty, %s old on average, allocated by %s",
                     format_bytes(bytes, whole_number(s->pinned + 0.5)), name_error(error, sizeof(error), s->pinned_variance), s->pins, age, where);
  else if (least < whole)
    finding_evidence(f, "%s to all of it (one standard error) in slabs that about %.0f blocks hold nearly empty, %s old on average, allocated by %s",
                     format_bytes(bytes, whole_number(least > 0 ? least + 0.5 : 0)), s->pins, age, where);
  else
    finding_evidence(f, "all of it, by estimate, in slabs that about %.0f blocks hold nearly empty, %s old on average, allocated by %s", s->pins, age, where);
}

bool explain_pins(struct finding *f, const struct diagnosis *d, const struct model_process *p, bool at_end, uint64_t bytes) {
  const struct stats_profile *const profile = at_end ? p->profiles[PROFILE_LAST] : idlest(p);
  size_t count;
  bool any = false, told = false;
  if (profile == NULL) return false;
  struct site *const sites = sites_of(profile, &count);
  sites_rank_pins(sites, count);
  struct place places[SITES_LOOKED];
  const size_t place_count = places_of(places, d, p, sites, count, pinned_of);
  for (size_t i = 0; i < place_count; i++) {
    if (i < PLACES_TOLD && places[i].f.pinned >= threshold.memory_bytes) {
      tell_pinned(f, &places[i].f, (double)bytes, places[i].where != NULL ? places[i].where : "an unknown site");
      any = any || places[i].where != NULL;
      told = true;
    }
    free(places[i].where);
  }
  free(sites);
  if (at_end) tell_age(f, p, profile, told);
  return any;
}

void explain_holder_age(struct finding *f, const struct model_process *p, uint32_t cls) {
  const struct stats_profile *const profile = idlest(p);
  char class[EXPLAIN_CLASS], age[FORMAT_SIZE];
  double blocks = 0, age_ms = 0;
  for (uint32_t i = 0; profile != NULL && i < profile->site_count; i++) {
    if (profile->sites[i].cls != cls) continue;
    blocks += profile->sites[i].blocks;
    age_ms += profile->sites[i].age_ms;
  }
  if (blocks > 0) finding_evidence(f, "live blocks of %s are %s old on average", explain_class(class, cls), format_ns(age, age_ms / blocks * 1e6));
}

/* The last moment, or that with most live memory, if the program has freed most of it since. */
static const struct stats_profile *fullest(const struct model_process *p) {
  const struct stats_profile *const last = p->profiles[PROFILE_LAST], *const peak = p->profiles[PROFILE_PEAK];
  return last != NULL && peak != NULL && last->allocated * 2 < peak->allocated ? peak : last;
}

bool explain_largest_sites(struct finding *f, const struct diagnosis *d, const struct model_process *p) {
  size_t count;
  bool any = false;
  const struct stats_profile *const profile = fullest(p);
  if (profile == NULL) return false;
  struct site *const sites = sites_of(profile, &count);
  struct place places[SITES_LOOKED];
  const size_t place_count = places_of(places, d, p, sites, count, allocated_of);
  for (size_t i = 0; i < place_count; i++) {
    char bytes[FORMAT_SIZE], error[ERROR_SIZE];
    const bool is_told = i < PLACES_TOLD && places[i].where != NULL;
    if (is_told)
      finding_evidence(f, "%s%s in %.0f blocks were allocated by %s", format_bytes(bytes, whole_number(places[i].f.allocated + 0.5)),
                       name_error(error, sizeof(error), places[i].f.allocated_variance), places[i].f.blocks, places[i].where);
    any = any || is_told;
    free(places[i].where);
  }
  free(sites);
  return any;
}

void explain_advise_profile(struct finding *f, const struct diagnosis *d, const struct model_process *p, const char *effect) {
  if (d->r->source != SOURCE_STATS || p->profile != 0) return;
  char *const program = escape(p->program);
  finding_change(f, "hakmem run -O PROFILE=512K -o DIR -- %s ARGUMENTS..., then hakmem explain DIR", program);
  finding_effect(f, "%s", effect);
  free(program);
}

void explain_advise_dump(struct finding *f, const struct model_process *p, const char *effect) {
  const struct stats_profile *const last = p->profiles[PROFILE_LAST];
  if (last == NULL || age_of(last, p) <= AGE_MISLEADS || !model_is_alive(p)) return;
  finding_change(f, "hakmem dump %" PRIu32 ", which lets the process take a profile when it next allocates, then hakmem explain %" PRIu32, p->pid, p->pid);
  finding_effect(f, "%s", effect);
}
