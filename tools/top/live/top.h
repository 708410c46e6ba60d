/*
 * top.h: `hakmem top`: the loop that reads, shows, and follows the keys.
 */
#ifndef HAKMEM_TOOLS_TOP_TOP_H
#define HAKMEM_TOOLS_TOP_TOP_H

#include <stdbool.h>
#include <stdint.h>

#include "top/show/views.h"

#define TOP_INTERVAL 1.0 /* seconds */
#define TOP_FASTEST 0.1
#define TOP_SLOWEST 60.0
#define TOP_WIDTH 80
#define TOP_HEIGHT 24

struct top_options {
  const char *directory;  /* only the processes of this run; NULL: all of this user */
  char *const *addresses; /* sessions at a relay, instead of processes of this machine; */
  size_t address_count;   /* 0: none */
  enum group_by by;       /* how these are grouped */
  uint32_t pid;           /* open this process at once; 0: none */
  double interval;        /* seconds between two readings, at first */
  unsigned batch;         /* how many screens to print as plain text; 0: live */
};

/* What the keys mean at the moment. */
enum top_mode { MODE_TABLE, MODE_FILTER, MODE_HELP, MODE_ROW };

struct top {
  const struct top_options *options;
  struct processes processes;
  struct sessions sessions;
  struct watched *watched; /* NULL: the list is shown */
  struct threads threads;
  struct names *names; /* of the watched one's stacks */
  enum view view;      /* the table of the watched one */
  struct grid_state states[VIEW_COUNT];
  enum top_mode mode;
  bool is_paused, is_over;
  double interval;    /* seconds; the keys change it */
  double now, next;   /* seconds; when to read again */
  const char *notice; /* one line for the user; NULL: none */
  struct screen screen;
  struct grid grid; /* as drawn */
};

/* An exit code. */
int top_run(const struct top_options *options);

/* The table that is shown, and the choices of the user for it. */
enum view top_view(const struct top *t);
struct grid_state *top_state(struct top *t);

/* Opens the process; false, with a failure set, if it keeps no statistics. */
bool top_open(struct top *t, uint32_t pid, const char *path);
void top_leave(struct top *t);

/* compose.c: makes the screen; makes it as plain text, the list or the process with all its tables. */
void top_compose(struct top *t, int width, int height);
void top_compose_plain(struct top *t, int width);
/* keys.c: what a key does. */
void top_press(struct top *t, int key);

#endif
