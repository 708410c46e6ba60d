/*
 * names.h: names of functions and files for all addresses, in the place of those from debug information: a hostile object can name anything.
 */
#ifndef HAKMEM_FUZZ_NAMES_H
#define HAKMEM_FUZZ_NAMES_H

/* From now on; NULL: addresses have no names. The texts must outlive what is printed. */
void names_are(const char *function, const char *file);

#endif
