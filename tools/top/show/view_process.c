/*
 * view_process.c: what is always shown of a process: what it is, its memory as bars.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/escape.h"
#include "common/format.h"
#include "common/memory.h"
#include "views.h"

#define LABEL 26   /* the longest meaning of a bucket */
#define FIGURES 46 /* columns of a row without its bar */

static void add_identity(struct screen *s, const struct watched *w) {
  char state[MODEL_STATE], as_of[MODEL_AS_OF], *const program = escape(format_last_part(w->p->program));
  char *text;
  if (w->trouble != NULL) text = must_print(" %s  %" PRIu32 "  ended; its statistics file is gone, so these are its last figures", program, w->pid);
  else if (w->is_gone) text = must_print(" %s  %" PRIu32 "  ended (%s); these are its last figures", program, w->pid, model_state(w->p, state));
  else text = must_print(" %s  %" PRIu32 "  %s; %s", program, w->pid, model_state(w->p, state), model_as_of(w->p, as_of));
  char *const line = screen_fit(text, s->width, false);
  screen_row(s, "%c%s", w->is_gone ? STYLE_BAD : w->p->state == PROCESS_STOPPED ? STYLE_SELECTED : STYLE_TITLE, line);
  free(line);
  free(text);
  free(program);
}

static void add_summary(struct screen *s, const struct watched *w) {
  char time[FORMAT_SIZE], most[FORMAT_SIZE], rss[FORMAT_SIZE], calls[FORMAT_SIZE];
  const uint64_t incidents = watched_incidents(w->p), highest = w->p->rss_max > w->p->rss ? w->p->rss_max : w->p->rss;
  screen_row(s, " up %s   RSS %s, at most %s   calls %s/s   %sincidents %" PRIu64, format_ns(time, (double)w->p->elapsed_ns), format_bytes(rss, w->p->rss),
             format_bytes(most, highest), w->has_rates ? view_rate(calls, w->rate.allocs + w->rate.frees) : "-", incidents > 0 ? BAD : "", incidents);
}

/* The last points of a history. */
static char *sparks(const uint64_t *history, unsigned length, unsigned width) {
  const unsigned shown = length < width ? length : width;
  char *const drawing = format_sparkline(history + (length - shown), shown), *const line = screen_fit(drawing, (int)width, false);
  free(drawing);
  return line;
}

static void add_history(struct screen *s, const struct watched *w) {
  const unsigned width = (unsigned)(s->width - 22) / 3 < WATCHED_HISTORY ? (unsigned)(s->width - 22) / 3 : WATCHED_HISTORY;
  char *const rss = sparks(w->history_rss, w->history_length, width), *const live = sparks(w->history_live, w->history_length, width),
              *const calls = sparks(w->history_calls, w->history_length, width);
  screen_row(s, DIM " RSS " OTHER "%s" DIM " live " LIVE "%s" DIM " calls/s " PLAIN "%s", rss, live, calls);
  free(rss);
  free(live);
  free(calls);
}

/* A bar, with its figures; nothing for nothing. */
static void add_bar(struct screen *s, enum style style, const char *label, uint64_t bytes, uint64_t whole) {
  const unsigned width = (unsigned)(s->width > FIGURES + 10 ? s->width - FIGURES : 10);
  char size[FORMAT_SIZE], share[FORMAT_SIZE], *const bar = must_allocate(FORMAT_BAR_SIZE(width)), *const name = screen_fit(label, LABEL, false);
  if (bytes > 0) {
    screen_row(s, " %s %8s %7s  %c%s", name, format_bytes(size, bytes), format_percent(share, (double)bytes, (double)whole), style,
               format_bar(bar, FORMAT_BAR_SIZE(width), bytes, whole, width));
  }
  free(bar);
  free(name);
}

static enum style style_of(const char *bucket) {
  if (strcmp(bucket, "live") == 0 || strcmp(bucket, "guarded") == 0) return STYLE_LIVE;
  return strcmp(bucket, "metadata") == 0 ? STYLE_OTHER : STYLE_FREE;
}

/* All of them together are what is committed; of these, some is not resident, and the rest of the RSS is not hakmem's. */
static void add_memory(struct screen *s, const struct model_process *p) {
  const uint64_t absent = model_absent(p), whole = p->rss > p->committed ? p->rss : p->committed;
#define ADD_BUCKET(name, text) add_bar(s, style_of(#name), text, p->buckets.name, whole);
  STATS_BUCKETS(ADD_BUCKET)
  add_bar(s, STYLE_DIM, absent > p->untouched ? "of these not resident" : "of these not touched yet", absent, whole);
  add_bar(s, STYLE_OTHER, "not hakmem's", model_others(p), whole);
}

void view_process(struct screen *s, const struct watched *w) {
  add_identity(s, w);
  add_summary(s, w);
  add_history(s, w);
  add_memory(s, w->p);
}
