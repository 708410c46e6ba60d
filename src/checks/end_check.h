/*
 * end_check.h: the last look at the headers of all blocks, when the process ends. A block that is never freed has its header checked nowhere
 * else. Not in the plain build.
 */
#ifndef HAKMEM_END_CHECK_H
#define HAKMEM_END_CHECK_H

#include "platform/base.h"

/*
 * Checks the header of every block that was handed out once, live or free, and reports those that were written over. If there are too many, or it takes
 * too long, it checks a sample: the event end_check says how many. Other threads may still run, unless `alone`. No lock may be held.
 */
void end_check(bool alone);

#endif
