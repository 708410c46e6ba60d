/*
 * views.h: the screens of `hakmem top`: the list of processes, sessions at a relay, and one process with a table of its classes, threads, call sites,
 * incidents or findings.
 */
#ifndef HAKMEM_TOOLS_TOP_VIEWS_H
#define HAKMEM_TOOLS_TOP_VIEWS_H

#include "grid.h"
#include "top/names.h"
#include "top/processes.h"
#include "top/sessions.h"
#include "top/threads.h"
#include "top/watched.h"

/*
 * The tables, in the order of their keys, 1 to 5: V(name, "title", column to sort by at first). VIEW_LIST is the list of processes, VIEW_SESSIONS that of
 * sessions at a relay.
 */
#define TABLES(V) \
  V(classes, "classes", 2) \
  V(threads, "threads", 2) \
  V(sites, "call sites", 0) \
  V(incidents, "incidents", 0) \
  V(findings, "findings", 0)
#define TABLE_CONSTANT(name, title, sort) VIEW_##name,
enum view { TABLES(TABLE_CONSTANT) VIEW_LIST, VIEW_SESSIONS, VIEW_COUNT };

/* What a process's tables are made from. */
struct shown {
  const struct watched *w;
  const struct threads *threads;
  struct names *names;
  double now;
  int width; /* of the screen */
};

void view_list(struct grid *g, const struct processes *all);
void view_sessions(struct grid *g, const struct sessions *all);
/* The hosts of the sessions, above the table: at most `most` rows. */
void view_sessions_hosts(struct screen *s, const struct sessions *all, size_t most);
#define VIEW_DECLARE(name, title, sort) void view_##name(struct grid *g, struct shown *shown);
TABLES(VIEW_DECLARE)

/* The process and its memory, above the table: at most 15 rows. */
void view_process(struct screen *s, const struct watched *w);

/* "1.23 M", "456 k", "7": a rate; `buffer` has FORMAT_SIZE bytes. */
const char *view_rate(char *buffer, double rate);

#endif
