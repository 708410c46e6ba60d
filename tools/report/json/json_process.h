/*
 * json_process.h: the parts of a process as JSON, which json_page.c puts together.
 */
#ifndef HAKMEM_TOOLS_JSON_PROCESS_H
#define HAKMEM_TOOLS_JSON_PROCESS_H

#include "json.h"

/* With stacks, whose functions are looked for. */
json_t *json_incidents(const struct report *r, const struct model_process *p);
json_t *json_leaks(const struct report *r, const struct model_process *p);
json_t *json_longest_calls(const struct report *r, const struct model_process *p);
json_t *json_slab_stacks(const struct report *r, const struct model_process *p);
json_t *json_profiles(const struct report *r, const struct model_process *p);

json_t *json_flight(const struct page *page);

json_t *json_timeline(const struct model_process *p);
json_t *json_heat(const struct model_process *p);
json_t *json_memory(const struct model_process *p);
json_t *json_slab_maps(const struct model_process *p);

#endif
