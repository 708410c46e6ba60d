/* modules.h: the loaded objects that stacks point into. */
#ifndef HAKMEM_MODULES_H
#define HAKMEM_MODULES_H

#include <stdbool.h>
#include <stdint.h>

/* The epoch that a stack taken now belongs to. `may_ask`: the gate is open; else the last one known. */
uint32_t modules_epoch(bool may_ask);
/* Enters the objects that the addresses lie in, and raises an event for each new one. */
void modules_record(const uintptr_t *frames, uint32_t count, uint32_t in_epoch);
/* Enters other allocators that are loaded beside hakmem; no stack may ever point into them. */
void modules_record_allocators(void);
/*
 * The path of the object that the address of a stack of this epoch lay in, and in *own the address as the object's file has it. NULL: the object is
 * not in the table. Signal safe.
 */
const char *modules_path(uintptr_t address, uint32_t in_epoch, uintptr_t *own);
void modules_tell_again(void);
void modules_fork_child(void);

#endif
