/*
 * settings.h: the options that change while the program runs (STATS_SETTINGS in statistics/control.h), for good or for a time.
 *
 *   until_ms != 0:  at this time the value `before` is put back, by the next thread in its slow path
 */
#ifndef HAKMEM_SETTINGS_H
#define HAKMEM_SETTINGS_H

#include "src/platform/base.h"
#include "src/platform/message.h"

/*
 * Sets the option name[length], with or without its prefix, to `value`; after `for_ms` ms, if not 0, the value from before is put back. Returns 0 or an
 * errno: EINVAL (an unknown name, or a value that is not allowed), EPERM (an option that is read at the start only), ENODEV (TRACE=full without a
 * tracer), ENOMEM (GUARD without address space), EBUSY (another thread is changing settings). *why then says more. Called with no lock held.
 */
int settings_change(const char *name, size_t length, const char *value, uint32_t for_ms, struct message *why);

/* Enters the settings into the statistics block. */
void settings_publish(void);

/* Puts back what has been set for a time that is over. */
void settings_tick(uint64_t now_ms);

/* A thread is inside settings_change. It may be the one that asks: a change enters the slow path. */
bool settings_are_changing(void);

void settings_fork_child(void);

#endif
