/* stats_file.h: the file that the statistics block is copied to. */
#ifndef HAKMEM_STATS_FILE_H
#define HAKMEM_STATS_FILE_H

#include <stdbool.h>

#include "stats_block.h"

/* Claims a file for the block, and writes it. A child's file replaces no other. */
void stats_file_start(struct stats_block *b, bool is_child);
/*
 * Writes the block's file, if there is one and no other thread is writing it: stats_file_tick if it has been due for `late_ms`, and returns whether it was;
 * stats_file_write at once. Signal safe.
 */
bool stats_file_tick(struct stats_block *b, uint64_t now_ms, uint32_t late_ms);
void stats_file_write(struct stats_block *b);
/* Writes for the last time: waits for another thread that writes. */
void stats_file_end(struct stats_block *b);
bool stats_file_is_there(const struct stats_block *b);
void stats_file_fork_child(void);

/*
 * The requests behind the block, as they were read when the file was last written, with the answers to them; they are written with the file. NULL if
 * there is no file. One thread at a time may use it.
 */
struct control *stats_file_control(void);

/* Writes a copy of the block to a new file. Returns 0 or an errno: EEXIST if there is a file already. */
int stats_file_copy(struct stats_block *b, const char *to);

/* A change that spans pages of the block begins or has ended: a copy that was made across such a moment is made again. */
void stats_file_changing(struct stats_block *b);

#endif
