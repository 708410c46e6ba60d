/*
 * option.h: -O NAME=VALUE, checked by the library's own table before a program starts.
 */
#ifndef HAKMEM_TOOLS_OPTION_H
#define HAKMEM_TOOLS_OPTION_H

#include <stdbool.h>

#include "launch.h"

/*
 * Parses "NAME=VALUE", with or without HAKMEM_ before it, in any case. *name (the caller frees it) is the environment variable; *value lies in
 * `text`. False, with a failure set, if there is no such option or the library would refuse the value.
 */
bool option_read(const char *text, char **name, const char **value);

/* The new name of `name`, a variable from option_read, after a message, if it has one; else `name` itself. The caller frees it instead of `name`. */
char *option_new_name(char *name);

/*
 * Replaces the old names of options by their new ones, whether they come from -O or from the environment. A message says so once, not in each
 * process of the program. If both names are set, the new one wins.
 */
void option_rename(struct launch *l);

#endif
