/*
 * symbol_options.h: the options of every command that names functions: --sysroot, --debug-dir, --debuginfod, --short-names; and --redact,
 * because these are the commands that show what a process reported.
 */
#ifndef HAKMEM_TOOLS_SYMBOL_OPTIONS_H
#define HAKMEM_TOOLS_SYMBOL_OPTIONS_H

#include <argp.h>

/* The children of a command's argp. What they read holds for the whole program. */
extern const struct argp_child symbol_options[];

#endif
