/*
 * stats_model.h: from the block of a statistics file to the model. Nothing in the block is trusted but its size.
 */
#ifndef HAKMEM_TOOLS_STATS_MODEL_H
#define HAKMEM_TOOLS_STATS_MODEL_H

#include <stdbool.h>

#include "model/model.h"

/* Adds the process of the block, whose texts it ends. False, with a failure that names `path`, if the block cannot be true: then the report is as it was. */
bool stats_model_add(struct report *r, struct stats_block *b, const char *path);

#endif
