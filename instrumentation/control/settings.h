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
 * Sets the option name[length], with or without its prefix, to `value`. If `for_ms` is not 0, the old value is put back after `for_ms`
 * milliseconds. The caller holds no lock.
 * Returns 0, or an errno, about which *why says more:
 *
 *   EINVAL   there is no such option, or the value is not allowed
 *   EPERM    the option is read at the start only
 *   ENODEV   TRACE=full without a tracer
 *   ENOMEM   GUARD without address space
 *   EBUSY    another thread is changing settings
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
