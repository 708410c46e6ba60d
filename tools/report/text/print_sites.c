/*
 * print_sites.c: the live heap by allocation site, of processes that ran with HAKMEM_PROFILE; the sites that hold nearly empty slabs.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/format.h"
#include "common/memory.h"
#include "report/sites.h"

#define SITES_SHOWN 5

/* Estimates are no whole numbers until they are printed. */
static uint64_t whole_bytes(double estimate) { return whole_number(estimate + 0.5); }
static bool is_one(double estimate) { return estimate == 1; }

/* "1.5" blocks: of a few, the fraction is much of them, and their bytes are not those of a whole number. */
static const char *format_estimate(char *buffer, double number) {
  const bool is_whole = number >= 10 || number == floor(number);
  snprintf(buffer, FORMAT_SIZE, is_whole ? "%.0f" : "%.1f", number);
  return buffer;
}

static void print_estimate(FILE *out, const char *what, uint64_t sum, uint64_t exact, const char *missing) {
  char a[FORMAT_SIZE], b[FORMAT_SIZE], c[FORMAT_SIZE];
  char *const line = must_print("%s: %s of these sites, %s by exact count; residual %s%s (%s)", what, format_bytes(a, sum), format_bytes(b, exact),
                                sum > exact ? "-" : "", format_bytes(c, sum > exact ? sum - exact : exact - sum), missing);
  format_wrapped(out, "  ", line);
  free(line);
}

/* ", standard error 12.0 KiB" of bytes whose variance is known; nothing of those that are exact. */
static void print_error(FILE *out, double variance) {
  char error[FORMAT_SIZE];
  if (variance > 0) fprintf(out, ", standard error %s", format_bytes(error, whole_bytes(sqrt(variance))));
}

static void print_site(FILE *out, const struct page *page, const struct model_process *p, const struct site *site, double whole) {
  char bytes[FORMAT_SIZE], share[FORMAT_SIZE], asked[FORMAT_SIZE], waste[FORMAT_SIZE], age[FORMAT_SIZE], oldest[FORMAT_SIZE], number[FORMAT_SIZE];
  const struct stats_site *const f = &site->f;
  const double blocks = f->blocks > 0 ? f->blocks : 1;
  fprintf(out, "  %s (%s) in %s block%s of %s asked for on average; %.0f sample%s", format_bytes(bytes, whole_bytes(f->allocated)),
          format_percent(share, f->allocated, whole), format_estimate(number, f->blocks), is_one(f->blocks) ? "" : "s",
          format_bytes(asked, whole_bytes(f->requested / blocks)), f->samples, is_one(f->samples) ? "" : "s");
  print_error(out, f->allocated_variance);
  if (f->blocks_variance > 0) fprintf(out, ", %.0f blocks", sqrt(f->blocks_variance));
  fprintf(out, "\n    %s old on average, the oldest %s; share of what is free in their slabs: %s", format_ns(age, f->age_ms / blocks * 1e6),
          format_ns(oldest, (double)f->oldest_ms * 1e6), format_bytes(waste, whole_bytes(f->waste)));
  print_error(out, f->waste_variance);
  fputc('\n', out);
  print_stack_of(out, page, p, site->stack);
}

static void print_pin(FILE *out, const struct page *page, const struct model_process *p, const struct site *site) {
  char bytes[FORMAT_SIZE], age[FORMAT_SIZE], number[FORMAT_SIZE];
  const struct stats_site *const f = &site->f;
  const double pins = f->pins > 0 ? f->pins : 1;
  fprintf(out, "  %s held by %s block%s, %s old on average", format_bytes(bytes, whole_bytes(f->pinned)), format_estimate(number, f->pins),
          is_one(f->pins) ? "" : "s", format_ns(age, f->pin_age_ms / pins * 1e6));
  print_error(out, f->pinned_variance);
  fputc('\n', out);
  print_stack_of(out, page, p, site->stack);
}

static void print_rest(FILE *out, const struct stats_profile *profile) {
  char bytes[FORMAT_SIZE];
  if (profile->rest_count == 0) return;
  fprintf(out, "  %s in %.0f blocks of %" PRIu32 " other sites, for which the table had no place\n", format_bytes(bytes, whole_bytes(profile->rest.allocated)),
          profile->rest.blocks, profile->rest_count);
}

static void print_live(FILE *out, const struct page *page, const struct model_process *p, const struct stats_profile *profile) {
  size_t count;
  struct site *const sites = sites_of(profile, &count);
  const struct stats_site sum = sites_sum(profile);
  const size_t shown = page->all || count < SITES_SHOWN ? count : SITES_SHOWN;
  for (size_t i = 0; i < shown; i++) print_site(out, page, p, &sites[i], sum.allocated);
  print_more(out, page, shown, count, "site", "sites");
  print_rest(out, profile);
  print_estimate(out, "live", whole_bytes(sum.allocated), profile->allocated,
                 "blocks that no sample stands for, hakmem's own and those of its start among them");
  print_estimate(out, "free in their slabs", whole_bytes(sum.waste), profile->waste, "of slabs without a sample, and of free blocks in lists");
  free(sites);
}

static void print_pins(FILE *out, const struct page *page, const struct model_process *p, const struct stats_profile *profile) {
  size_t count, held = 0;
  struct site *const sites = sites_of(profile, &count);
  const struct stats_site sum = sites_sum(profile);
  char at[FORMAT_SIZE];
  sites_rank_pins(sites, count);
  while (held < count && sites[held].f.pinned > 0) held++;
  const size_t shown = page->all || held < SITES_SHOWN ? held : SITES_SHOWN;
  fprintf(out, "  Who holds slabs of which at most %d %% are in use, after %s; the free part of %" PRIu64 " slab%s:\n", STATS_PINNED,
          format_ns(at, (double)profile->time_ns), profile->pinned_slabs, profile->pinned_slabs == 1 ? "" : "s");
  for (size_t i = 0; i < shown; i++) print_pin(out, page, p, &sites[i]);
  print_more(out, page, shown, held, "site", "sites");
  print_estimate(out, "held", whole_bytes(sum.pinned), profile->pinned, "of slabs without a sample, and of free blocks in lists");
  free(sites);
}

/* If a process freed nearly all at its end, the snapshot with the most memory says more. */
static const struct stats_profile *telling(const struct model_process *p) {
  const struct stats_profile *const last = p->profiles[PROFILE_LAST], *const peak = p->profiles[PROFILE_PEAK];
  return peak != NULL && last->allocated < peak->allocated / 2 ? peak : last;
}

static const struct stats_profile *most_pinned(const struct model_process *p) {
  const struct stats_profile *most = p->profiles[PROFILE_LAST];
  for (unsigned moment = 0; moment < PROFILE_MOMENTS; moment++) {
    if (p->profiles[moment] != NULL && p->profiles[moment]->pinned > most->pinned) most = p->profiles[moment];
  }
  return most;
}

/* If the profile was switched on or off while the program ran. */
static void print_switched(FILE *out, const struct model_process *p) {
  const struct stats_setting *const s = &p->settings[SETTING_PROFILE];
  char at[FORMAT_SIZE];
  if (s->since_ns == 0) return;
  format_ns(at, (double)s->since_ns);
  if (s->value != 0) fprintf(out, "  The profile was switched on, or last changed, %s after the start: older blocks may be missing.\n", at);
  else fprintf(out, "  The profile was switched off %s after the start: younger blocks are missing.\n", at);
}

void print_sites(FILE *out, const struct page *page) {
  if (page->stats == NULL) return;
  for (size_t k = 0; k < page->stats->process_count; k++) {
    const struct model_process *const p = page->stats->processes[k];
    if (p->profiles[PROFILE_LAST] == NULL) continue;
    char rate[FORMAT_SIZE], at[FORMAT_SIZE];
    const struct stats_profile *const profile = telling(p), *const pins = most_pinned(p);
    char *const program = escape(p->program);
    fprintf(out, "\nLive heap by call site, process %" PRIu32 " (%s), after %s%s; HAKMEM_PROFILE=%" PRIu64 ": %s%s\n", p->pid, program,
            format_ns(at, (double)profile->time_ns), profile == p->profiles[PROFILE_LAST] ? "" : ", at the snapshot with most", p->profile,
            p->profile > 1 ? "estimated from one byte in " : "all blocks", p->profile > 1 ? format_bytes(rate, p->profile) : "");
    free(program);
    print_switched(out, p);
    print_live(out, page, p, profile);
    if (pins->pinned > 0) print_pins(out, page, p, pins);
  }
}

bool print_folded(FILE *out, const struct page *page) {
  size_t count = 0;
  struct site *const sites = page->stats != NULL ? sites_fold(page->stats, &count) : NULL;
  for (size_t i = 0; i < count; i++) fprintf(out, "%s %" PRIu64 "\n", sites[i].folded, whole_bytes(sites[i].f.allocated));
  sites_free(sites, count);
  return count > 0;
}
