/* print_settings.h: the settings of a process as text. */
#ifndef HAKMEM_TOOLS_PRINT_SETTINGS_H
#define HAKMEM_TOOLS_PRINT_SETTINGS_H

#include <stdint.h>
#include <stdio.h>

#include "instrumentation/statistics/stats_block.h"

/* Whether the option changes while the program runs. `name` is without prefix. */
bool setting_find(const char *name, enum setting *setting);

/* All names, separated by ", ". */
extern const char setting_names[];

/* One line for each: its value, since when, and until when. `elapsed_ns`: how long the process has run. */
void print_settings(FILE *out, const struct stats_setting settings[SETTING_COUNT], uint64_t elapsed_ns);

#endif
