/*
 * rooted.h: paths of programs that ran in a container or a chroot, looked up in a copy of its tree.
 */
#ifndef HAKMEM_TOOLS_ROOTED_H
#define HAKMEM_TOOLS_ROOTED_H

/*
 * Where `path` lies if the directory `root` is "/": absolute symlinks and ".." stay within `root`. NULL if it is not there, or if its symlinks go
 * in a circle. The caller frees the result.
 */
char *rooted_path(const char *root, const char *path);

#endif
