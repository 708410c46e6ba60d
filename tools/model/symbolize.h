/*
 * symbolize.h: from an address in a process to its functions and lines, inlined ones included. Reads the objects that the process named (regular
 * files only) and their debug information, from the places that symbol_options.h names.
 */
#ifndef HAKMEM_TOOLS_SYMBOLIZE_H
#define HAKMEM_TOOLS_SYMBOLIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model.h"
#include "symbols/objects.h"

struct symbolizer;

/* For the modules of `p`, a process of `r`; both must outlive the symbolizer. */
struct symbolizer *symbolizer_create(const struct report *r, const struct model_process *p);
void symbolizer_destroy(struct symbolizer *s);

/* Whether it is hakmem's own: the first frames of each stack are. */
#define OWN_LIBRARY "libhakmem"
bool symbol_is_own(const struct symbol *symbol);

/* Whether it is a function of the C++ library, as std::vector's: these allocate for the function of the program that called them. */
bool symbol_is_cxx_library(const struct symbol *symbol);

/* The functions at `address` in an epoch, innermost first; at least one. `is_return_address`: names the call before the address. */
size_t symbolize(struct symbolizer *s, uint64_t address, uint32_t epoch, bool is_return_address, struct symbol symbols[SYMBOLS_MAX]);

/* The paths of the modules so far whose file was replaced, from index 0; NULL behind the last one. */
const char *symbolize_replaced(size_t index);

/* The functions at `own`, an address in the tables of the file at `path`, which must outlive the symbols. */
size_t symbolize_in_file(const char *path, uint64_t own, struct symbol symbols[SYMBOLS_MAX]);

#endif
