/*
 * provider.h: the LTTng-UST provider `hakmem`: one tracepoint per event of src/events.h, with its names and its fields.
 *
 * Nothing is listed here: the two tables of src/events.h are expanded with LTTng's field macros. LTTng includes this file several
 * times, and gives those macros another meaning each time. The tables and the F_ macros do not change, and take on the new
 * meaning. A tracepoint has one argument, the event's structure, so no event is too wide (LTTng allows ten arguments).
 */
#undef LTTNG_UST_TRACEPOINT_PROVIDER
#define LTTNG_UST_TRACEPOINT_PROVIDER hakmem

#undef LTTNG_UST_TRACEPOINT_INCLUDE
#define LTTNG_UST_TRACEPOINT_INCLUDE "./provider.h"

#if !defined(HAKMEM_PROVIDER_H) || defined(LTTNG_UST_TRACEPOINT_HEADER_MULTI_READ)
#ifndef HAKMEM_PROVIDER_H
#define HAKMEM_PROVIDER_H

#include <lttng/tracepoint.h>

#include "src/events.h"

#define F_PTR(f) lttng_ust_field_integer_hex(uintptr_t, f, (uintptr_t)event->f)
#define F_CLS(f) lttng_ust_field_integer(uint32_t, f, event->f)
#define F_U32(f) lttng_ust_field_integer(uint32_t, f, event->f)
#define F_U64(f) lttng_ust_field_integer(uint64_t, f, event->f)
#define F_BYTES(f) lttng_ust_field_integer(uint64_t, f, event->f)
#define F_TICKS(f) lttng_ust_field_integer(uint64_t, f, event->f)
#define F_BYTE(f) lttng_ust_field_integer_hex(uint8_t, f, event->f)
#define F_ENUM(f, e) lttng_ust_field_enum(hakmem, e, uint32_t, f, (uint32_t)event->f)
#define F_TEXT(f) lttng_ust_field_string(f, event->f)
#define F_ADDRESSES(f, n) lttng_ust_field_sequence_hex(uintptr_t, f, event->f, uint32_t, event->n)
#define F_COUNTS(f, n) lttng_ust_field_sequence(uint32_t, f, event->f, uint32_t, event->n)

#define PROVIDER_ENUM_VALUE(constant, text) lttng_ust_field_enum_value(text, constant)
#define PROVIDER_ENUM(e) LTTNG_UST_TRACEPOINT_ENUM(hakmem, e, LTTNG_UST_TP_ENUM_VALUES(ENUM_##e(PROVIDER_ENUM_VALUE)))
#define PROVIDER_EVENT(name, text, fields) \
  LTTNG_UST_TRACEPOINT_EVENT(hakmem, name, LTTNG_UST_TP_ARGS(const struct event_##name *, event), LTTNG_UST_TP_FIELDS(fields))
#endif

HAK_ENUMS(PROVIDER_ENUM)
HAK_EVENTS(PROVIDER_EVENT)

#endif

#include <lttng/tracepoint-event.h>
