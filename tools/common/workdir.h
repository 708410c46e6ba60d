/*
 * workdir.h: directories that this program makes: the one for a run's data, and temporary ones.
 */
#ifndef HAKMEM_TOOLS_WORKDIR_H
#define HAKMEM_TOOLS_WORKDIR_H

#include <stdbool.h>

/*
 * Makes the directory for a run's data, and those above it that are missing: `path`, or hakmem-PROGRAM-PID in the current directory if `path` is NULL.
 * One that exists must be empty, so that data of two runs never mixes. Returns its absolute path, NULL on failure. The caller frees it.
 */
char *workdir_create(const char *path, const char *program);

/* Makes `name` in directory `parent`; returns its path, NULL on failure. The caller frees it. */
char *workdir_sub(const char *parent, const char *name);

/* Makes a temporary directory whose path is short enough for a Unix socket some levels below it. NULL on failure. */
char *workdir_temporary(void);

/* Removes `path` and all below it, without a message on failure. Never follows a symbolic link. */
void workdir_remove(const char *path);

/* Removes a data directory that stayed empty. */
void workdir_remove_empty(const char *path);

/* `path` quoted for a shell, if it must be. The caller frees it. */
char *workdir_quote(const char *path);

#endif
