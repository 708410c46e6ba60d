/*
 * option.h: -O NAME=VALUE, checked by the library's own table before any program starts.
 */
#ifndef HAKMEM_TOOLS_OPTION_H
#define HAKMEM_TOOLS_OPTION_H

#include <stdbool.h>

#include "launch.h"

/*
 * Takes "NAME=VALUE", with or without HAKMEM_ before it, in any case. *name (to be freed) is the variable of the environment and *value lies in `text`.
 * False, with a failure set, if there is no such option or the library would not take the value.
 */
bool option_read(const char *text, char **name, const char **value);

/* The new name of `name`, a variable from option_read, and says so if it has one; else `name` itself. To be freed in the place of `name`. */
char *option_new_name(char *name);

/*
 * Gives the program's old names of options their new ones, whether they come from -O or from the environment, and says so: once, and not by each process
 * of the program. If both are set, the new name wins.
 */
void option_rename(struct launch *l);

#endif
