/*
 * memory.h: allocation for a program that can do nothing useful without memory: if memory runs out, each function ends the program with a message.
 * Zeroed unless said otherwise.
 */
#ifndef HAKMEM_TOOLS_MEMORY_H
#define HAKMEM_TOOLS_MEMORY_H

#include <stddef.h>

void *must_allocate(size_t size);
/*
 * For a large structure of which little is touched: the kernel zeroes a page when it is touched first, while calloc may zero the whole. munmap
 * releases it.
 */
void *must_map(size_t size);
char *must_copy(const char *text);
__attribute__((format(printf, 1, 2))) char *must_print(const char *format, ...);

/* Adds `item` to *list, which must_copy or must_print made, behind `separator` if the list is not empty. */
void must_list(char **list, const char *separator, const char *item);

/*
 * Makes room for one more element in `array` of `length` elements of `size` bytes; *capacity is kept up to date.
 * Returns the array, perhaps moved; the new room is not zeroed.
 */
void *must_grow(void *array, size_t length, size_t *capacity, size_t size);

#endif
