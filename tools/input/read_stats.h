/*
 * read_stats.h: from statistics files to the model. Nothing in a file is trusted.
 */
#ifndef HAKMEM_TOOLS_READ_STATS_H
#define HAKMEM_TOOLS_READ_STATS_H

#include <stdbool.h>
#include <stddef.h>

#include "model/model.h"

/* Adds the process of one statistics file to `r`, if it is process `pid` or `pid` is 0. */
bool read_stats_file(struct report *r, const char *path, uint32_t pid);
/* After the last file: determines which processes did not end in order. */
void read_stats_end(struct report *r);

/* The process and the program of a statistics file. */
struct stats_identity {
  uint32_t pid, parent_pid;
  uint64_t pid_namespace; /* 0: not known */
  uint64_t start_realtime_ns;
  bool complete;
};
/* Whether the process of `a` lives on, or lived on, as that of `b`, by a call of exec. */
bool read_stats_became(const struct stats_identity *a, const struct stats_identity *b);

/* Reads the block of an open file; it is checked no further than its header. */
struct stats_block;
bool read_stats_block(int fd, const char *path, struct stats_block *block);

/* Whether the file is complete. Only its identity is read. */
bool read_stats_check(const char *path, struct stats_identity *identity);

#endif
