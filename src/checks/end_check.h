/*
 * end_check.h: checks the headers of all blocks when the process ends. It is the only check for a block that is never freed. Not in the plain build.
 */
#ifndef HAKMEM_END_CHECK_H
#define HAKMEM_END_CHECK_H

#include "platform/base.h"

/*
 * Checks the header of every block that was ever handed out, live or free, and reports those that were overwritten. If that takes too long, it checks a
 * sample; the event end_check says how many. Other threads may still run, unless `alone`. No lock may be held.
 */
void end_check(bool alone);

#endif
