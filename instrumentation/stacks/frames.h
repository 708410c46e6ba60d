/* frames.h: a stack as text. */
#ifndef HAKMEM_FRAMES_H
#define HAKMEM_FRAMES_H

#include "src/platform/message.h"

/* Adds a line for each frame of a kept stack, without hakmem's own, behind a line that is not ended. Signal safe. */
void frames_put(struct message *m, uint32_t stack);

#endif
