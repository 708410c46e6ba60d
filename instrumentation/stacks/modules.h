/* modules.h: the loaded objects that stacks point into. */
#ifndef HAKMEM_MODULES_H
#define HAKMEM_MODULES_H

#include <stdbool.h>
#include <stdint.h>

/* The epoch for a stack taken now; the last known one if the loader cannot be asked. */
uint32_t modules_epoch(void);
/* Called before and after an object may be unloaded. */
void modules_note_unload(void);
/* Tells that nearly every load and unload is noted, by hub_opening and modules_note_unload. */
void modules_watch_loads(void);
/* Enters the objects that hold the addresses, and raises an event for each new one. */
void modules_record(const uintptr_t *frames, uint32_t count, uint32_t in_epoch);
/* Whether the table has the code at `address` as code that was made at run time: no object of the loader's holds it. Signal safe. */
bool modules_is_made(uintptr_t address);
/* The loader does not list the code at `address`: what the table has there was made. */
void modules_note_made(uintptr_t address);
/* Whether an object of the table holds `address`. Signal safe. */
bool modules_hold(uintptr_t address);
/* Whether an object of the loader's has code at `address`. Called within gate_ask. */
bool modules_is_listed(uintptr_t address);
/* Whether another object can be entered. */
bool modules_have_room(void);
/* Enters other allocators that are loaded beside hakmem, or serve malloc in its place, even if no stack points into them. */
void modules_record_allocators(void);
/*
 * The path of the object that held `address` in this epoch. *own is the address in the object's file. NULL if the table does not have the object.
 * Signal safe.
 */
const char *modules_path(uintptr_t address, uint32_t in_epoch, uintptr_t *own);
void modules_tell_again(void);
void modules_fork_child(void);

#endif
