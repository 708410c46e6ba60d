/*
 * events.h: the vocabulary of events that the core raises.
 *
 * One table. From it come the event structures, the hooks (probe.h), the sinks of the instrumentation, and the entries of the statistics file.
 * The LTTng tracepoints, and the reader and the JSON of the companion program, come from it, too. Released fields never change; new ones are added at the end.
 */
#ifndef HAKMEM_EVENTS_H
#define HAKMEM_EVENTS_H

#include "platform/base.h"

/* ---- Enumerations: ENUM_x(V) lists V(CONSTANT, "name in every output") in order, from 0. ---- */
/* clang-format off */

#define ENUM_lookup_result(V) V(LOOKUP_HIT, "hit") V(LOOKUP_LEGACY, "legacy") V(LOOKUP_FOREIGN, "foreign")
#define ENUM_lookup_strategy(V) \
  V(STRATEGY_DIRECTORY, "directory") V(STRATEGY_HASH, "hash") V(STRATEGY_LINEAR, "linear")
#define ENUM_acquire_source(V) V(ACQUIRE_MAPPED, "mapped") V(ACQUIRE_RESERVE, "reserve")
#define ENUM_release_reason(V) V(RELEASE_DELAY, "delay") V(RELEASE_TRIM, "trim")
#define ENUM_refill_source(V)                                                   \
  V(REFILL_SPARE, "spare") V(REFILL_BATCH, "batch") V(REFILL_PARTIAL, "partial") \
  V(REFILL_FRESH_SLAB, "fresh_slab") V(REFILL_FRESH_SUPERSLAB, "fresh_superslab") V(REFILL_LEGACY, "legacy")
#define ENUM_drain_reason(V) \
  V(DRAIN_INTERVAL, "interval") V(DRAIN_LENGTH, "length") V(DRAIN_EXIT, "exit") V(DRAIN_TRIM, "trim") V(DRAIN_IDLE, "idle")
#define ENUM_fail_reason(V) \
  V(FAIL_LIMIT, "limit") V(FAIL_OS_ENOMEM, "os_enomem") V(FAIL_NO_ADDRESS_SPACE, "no_address_space")
#define ENUM_legacy_reason(V)                                                                    \
  V(LEGACY_LIMIT, "limit") V(LEGACY_OS_ENOMEM, "os_enomem")                                      \
  V(LEGACY_NO_ADDRESS_SPACE, "no_address_space") V(LEGACY_HUGE, "huge") V(LEGACY_GROWN, "grown")
#define ENUM_hdr_verdict(V)                                                                       \
  V(HDR_UNKNOWN, "unknown") V(HDR_DOUBLE_FREE, "double_free") V(HDR_OFF_BY_ONE_NUL, "off_by_one_nul") \
  V(HDR_OVERRUN_TEXT, "overrun_text") V(HDR_OVERRUN_FILL, "overrun_fill")                          \
  V(HDR_MISROUTED, "misrouted") V(HDR_INVALID_POINTER, "invalid_pointer")                          \
  V(HDR_WRITE_AFTER_FREE, "write_after_free")                                                      \
  V(HDR_OVERRUN_POINTER, "overrun_pointer") V(HDR_OVERRUN_COPY, "overrun_copy")                    \
  V(HDR_STACK_POINTER, "stack_pointer") V(HDR_STATIC_POINTER, "static_pointer")                    \
  V(HDR_INTERIOR_POINTER, "interior_pointer") V(HDR_FOREIGN_POINTER, "foreign_pointer")            \
  V(HDR_UNMAPPED_POINTER, "unmapped_pointer") V(HDR_REALLOC_AFTER_FREE, "realloc_after_free")      \
  V(HDR_USABLE_SIZE_AFTER_FREE, "usable_size_after_free") V(HDR_WRONG_SIZE, "wrong_size")            \
  V(HDR_OVERFLOW, "overflow") V(HDR_UNDERFLOW, "underflow") V(HDR_USE_AFTER_FREE, "use_after_free") \
  V(HDR_MISMATCHED_FREE, "mismatched_free") V(HDR_OVERWRITTEN_LINK, "overwritten_link")
/* The functions that allocated a block, or freed it: malloc and free, new and delete, new[] and delete[]. */
#define ENUM_block_family(V) V(FAMILY_UNKNOWN, "unknown") V(FAMILY_MALLOC, "malloc") V(FAMILY_NEW, "new") \
  V(FAMILY_NEW_ARRAY, "new_array")
/* How the program touched memory outside of its blocks. Unseen: only the damage was found. The others: the access itself faulted. */
#define ENUM_access_way(V) V(ACCESS_UNSEEN, "unseen") V(ACCESS_READ, "read") V(ACCESS_WRITE, "write") V(ACCESS_ANY, "access")
/*
 * How a wrong header, pointer or write was found: by an operation on the block, by the check of all headers at the end of the process, or by one of the
 * debugging mode's checks, which look at blocks that no call touches.
 */
#define ENUM_found_by(V) V(FOUND_BY_OPERATION, "operation") V(FOUND_AT_END, "end") V(FOUND_BY_CHECK, "check")

#define ENUM_leak_kind(V) V(LEAK_LOST, "lost") V(LEAK_INDIRECT, "indirect") V(LEAK_REACHABLE, "reachable")

/*
 * The stages of a refill, S(name, "what is tried"), in their order. They begin when the thread's own lists are empty. A stage is tried only if those
 * before it had nothing; it lasts until the next one begins or the refill ends. Timing all of the first three would slow refills down. So they are timed
 * in one refill of STAGE_SAMPLE, and in all of them in full tracing. If a refill that is not timed goes beyond them, the third stage has the time of all
 * three.
 */
#define REFILL_STAGES(S)                                     \
  S(batch, "a batch that another thread drained")            \
  S(partial, "a partial slab of the class")                  \
  S(fresh_slab, "free units of a SuperSlab")                 \
  S(superslab, "a fresh SuperSlab")                          \
  S(shared_fail, "the event for the refusal")                \
  S(legacy, "the legacy path")

#define EVENT_STAGE_CONSTANT(name, text) STAGE_##name,
#define STAGE_SAMPLE 16
#define STAGE_IS_SAMPLED(stage) ((stage) <= STAGE_fresh_slab)
enum refill_stage { REFILL_STAGES(EVENT_STAGE_CONSTANT) STAGE_COUNT };
#define EVENT_STAGE_FIELD(name, text) F_TICKS(name##_ticks) /* 0: not reached, or not timed */

/*
 * The kinds of calls whose time is taken, K(name, "what they are"). C++'s operators count as malloc, aligned and free; realloc(NULL, n) as malloc, and
 * realloc(p, 0) as free.
 */
#define CALL_KINDS(K)                                                            \
  K(malloc, "malloc, operator new, and realloc of NULL")                         \
  K(calloc, "calloc")                                                            \
  K(realloc, "realloc and reallocarray of a block")                              \
  K(free, "free, operator delete, and realloc to 0 bytes")                       \
  K(aligned, "aligned_alloc, posix_memalign, memalign, and aligned operator new")
/* What a call that left the fast path did, S(name, "meaning"). No moment is counted twice; the rest of the call is none of these. */
#define CALL_STAGES(S)                                                  \
  S(refill, "getting blocks for the thread's list, without the system") \
  S(drain, "handing blocks on, without the system")                     \
  S(system, "mapping, unmapping and purging memory")                    \
  S(lock, "sleeping until another thread released a lock")              \
  S(statistics, "taking a snapshot, writing the statistics file")
#define EVENT_CALL_KIND(name, text) CALL_##name,
#define EVENT_CALL_STAGE(name, text) CALL_STAGE_##name,
enum call_kind { CALL_KINDS(EVENT_CALL_KIND) CALL_KIND_COUNT };
enum call_stage { CALL_STAGES(EVENT_CALL_STAGE) CALL_STAGE_COUNT };

#define HAK_ENUMS(X)                                                                              \
  X(lookup_result) X(lookup_strategy) X(acquire_source) X(release_reason) X(refill_source)        \
  X(drain_reason) X(fail_reason) X(legacy_reason) X(hdr_verdict) X(access_way) X(leak_kind) X(block_family) X(found_by)

#define EVENT_ENUM_CONSTANT(constant, name) constant,
#define EVENT_ENUM_DECLARE(e) enum e { ENUM_##e(EVENT_ENUM_CONSTANT) e##_count };
HAK_ENUMS(EVENT_ENUM_DECLARE)

/*
 * ---- Events: E(name, "what it says", fields). ----
 * A field is F_PTR (an address), U32, U64, BYTES (u64, bytes), TICKS (u64, clock ticks), BYTE (u8, shown in
 * hexadecimal), CLS (u32 class or CLASS_ row), ENUM(field, enumeration), TEXT (a C string),
 * ADDRESSES(field, n) (n addresses; n is a uint32_t member of its own, not to be declared again) or
 * COUNTS(field, n) (n uint32_t). Define F_PTR, F_U32, ... before you expand the table.
 */

/* Incidents: the events that the statistics block keeps whole. I(CONSTANT, event). Each has a cls and a stack. */
#define HAK_INCIDENTS(I) I(HDR_RESET, hdr_reset) I(SHARED_FAIL, shared_fail)
#define FIELDS_hdr_reset \
  F_CLS(cls) F_PTR(base) F_BYTE(got) F_BYTE(expect) F_U64(count) F_ENUM(verdict, hdr_verdict) F_PTR(left) F_U32(stack) \
  F_PTR(slab) F_BYTES(offset) F_BYTES(over) F_BYTES(told) F_U64(good_ago_ms) F_U32(good_thread) \
  F_U32(alloc_stack) F_U32(alloc_thread) F_U64(alloc_ago_ms) F_U32(free_stack) F_U32(free_thread) F_U64(free_ago_ms) \
  F_U32(left_stack) F_BYTES(size) F_PTR(access) F_ENUM(way, access_way) \
  F_ENUM(made, block_family) F_ENUM(given, block_family) F_ENUM(found, found_by) \
  F_U64(checked_ago) /* allocations since the block was last seen intact, 1 at least; 0: not known */ \
  F_PTR(word) /* what was found in place of the link of a free block */ F_U64(lost) /* free blocks behind it, which are abandoned */
#define FIELDS_shared_fail \
  F_CLS(cls) F_ENUM(reason, fail_reason) F_U32(active) F_U32(limit) F_U32(free_slabs) F_U64(free_blocks) F_U32(stack) \
  F_U32(units) F_U32(error) F_U64(own) F_U64(others) F_U64(batched) F_U64(partial) F_BYTES(slab_bytes) F_BYTES(idle_bytes) \
  F_CLS(holder) F_BYTES(holder_idle) F_CLS(second) F_BYTES(second_idle) F_U64(holder_ms) F_U64(second_ms)

#define HAK_EVENTS(E)                                                                               \
  E(superslab_lookup, "the SuperSlab of a pointer was looked up (sampled; all in full tracing)",    \
    F_PTR(ptr) F_CLS(cls) F_ENUM(result, lookup_result) F_ENUM(strategy, lookup_strategy) F_U32(probes) F_TICKS(ticks)) \
  E(superslab_acquire, "the shared pool got a SuperSlab",                                           \
    F_PTR(base) F_BYTES(size) F_ENUM(source, acquire_source) F_U32(active))                                 \
  E(superslab_release, "an empty SuperSlab was returned to the system",                                \
    F_PTR(base) F_BYTES(size) F_ENUM(reason, release_reason) F_U32(active))                                 \
  E(slab_acquire, "a class got a slab", F_PTR(base) F_CLS(cls) F_U32(live) F_U32(capacity))                 \
  E(slab_release, "a class released an empty slab", F_PTR(base) F_CLS(cls) F_U32(live) F_U32(capacity))    \
  E(tls_sll_refill, "an empty TLS SLL was refilled",                                                \
    F_CLS(cls) F_U32(blocks) F_ENUM(source, refill_source) F_TICKS(ticks) REFILL_STAGES(EVENT_STAGE_FIELD)) \
  E(tls_sll_drain, "a TLS SLL was drained",                                                         \
    F_CLS(cls) F_ENUM(reason, drain_reason) F_U32(before) F_U32(moved) F_U32(slabs) F_TICKS(ticks))             \
  E(shared_fail, "the shared pool could not serve a slab", FIELDS_shared_fail)                          \
  E(legacy_fallback, "the legacy path served",                                                      \
    F_CLS(cls) F_BYTES(size) F_PTR(base) F_ENUM(reason, legacy_reason) F_TICKS(ticks) F_U32(stack) F_BYTES(refused)) \
  E(hdr_reset, "a header was found wrong and was put right", FIELDS_hdr_reset)                         \
  E(fragmentation, "one class, on a schedule and on request",                                       \
    F_CLS(cls) F_BYTES(requested) F_BYTES(allocated) F_BYTES(active) F_BYTES(cached) F_BYTES(partial) F_BYTES(empty) \
    F_COUNTS(utilisation, utilisation_bins))                                                          \
  E(os_map, "address space was mapped", F_PTR(base) F_BYTES(size) F_TICKS(ticks))                         \
  E(os_unmap, "address space was unmapped", F_PTR(base) F_BYTES(size) F_TICKS(ticks))                     \
  E(os_purge, "memory was returned to the system, its address space kept", F_PTR(base) F_BYTES(size) F_TICKS(ticks)) \
  E(thread_start, "a thread got its TLS SLLs", F_U32(live_caches))                                    \
  E(thread_exit, "a thread's TLS SLLs were taken over", F_U32(live_caches))                           \
  E(stack, "a stack seen for the first time", F_U32(id) F_ADDRESSES(frames, frame_count) F_U32(epoch) F_U32(cut))    \
  E(module, "a loaded object that a stack points into, or another allocator", F_PTR(base) F_BYTES(size) F_U64(offset) F_TEXT(path) \
    F_U32(epoch) F_TEXT(build_id) F_U32(serves) /* 1: the process calls the malloc of this object, not hakmem's */)      \
  E(alloc, "a block was handed out (sampled, or all in full tracing)",                              \
    F_PTR(ptr) F_BYTES(size) F_CLS(cls) F_U32(stack))                                                       \
  E(free, "a block was freed (sampled, or all in full tracing)", F_PTR(ptr) F_BYTES(size) F_CLS(cls) F_U32(stack)) \
  E(realloc, "a block changed its size (sampled, or all in full tracing)",                          \
    F_PTR(ptr) F_BYTES(size) F_CLS(cls) F_U32(stack) F_PTR(old))                                              \
  E(process, "facts that the other events of this process rely on; at the start and on the fragmentation schedule", \
    F_U64(ticks_per_second) F_U64(clock_cost_ticks) F_BYTES(superslab_size) F_U32(superslab_limit)  \
    F_U32(drain_interval) F_ENUM(strategy, lookup_strategy) F_U32(sample) F_TEXT(version) F_U32(release_delay) F_U32(huge_pages)) \
  E(early, "a tracer attached, or a session began: earlier events that were replayed to it, and that it missed", \
    F_U64(replayed) F_U64(missed) F_U64(age_ns))                                                        \
  E(leak, "blocks that are live at the end of the process, by where they were allocated (with HAKMEM_LEAKS)", \
    F_ENUM(kind, leak_kind) F_BYTES(bytes) F_U64(blocks) F_U32(stack))                                 \
  E(deepbind, "a library was opened without RTLD_DEEPBIND, which the program asked for", F_TEXT(path))                  \
  E(end_check, "the headers of all blocks, or of a sample, were checked at the end of the process",   \
    F_U64(blocks) F_U64(checked) F_U64(wrong) F_TICKS(ticks))                                        \
  E(debug_sweep, "the debugging mode has looked at all blocks, once or several times since the last event", \
    F_U64(sweeps) F_U64(blocks) F_BYTES(bytes) F_TICKS(ticks) F_TICKS(spent_ticks)) \
  E(soft_limit, "more than HAKMEM_SOFT_LIMIT was resident, so free memory was released; or no more than that is resident again", \
    F_BYTES(limit) F_BYTES(held) F_U32(crossed) F_BYTES(released) F_TICKS(above_ticks) F_TICKS(ticks))
/* clang-format on */

/* ---- The structures: struct event_NAME. ---- */

#define F_PTR(f) const void *f;
#define F_U32(f) uint32_t f;
#define F_U64(f) uint64_t f;
#define F_BYTES(f) uint64_t f;
#define F_TICKS(f) uint64_t f;
#define F_BYTE(f) uint8_t f;
#define F_CLS(f) uint32_t f;
#define F_ENUM(f, e) enum e f;
#define F_TEXT(f) const char *f;
#define F_ADDRESSES(f, n) \
  const uintptr_t *f; \
  uint32_t n;
#define F_COUNTS(f, n) \
  const uint32_t *f; \
  uint32_t n;
#define EVENT_STRUCT(name, text, fields) \
  struct event_##name { \
    fields \
  };
HAK_EVENTS(EVENT_STRUCT)
#undef F_PTR
#undef F_U32
#undef F_U64
#undef F_BYTES
#undef F_TICKS
#undef F_BYTE
#undef F_CLS
#undef F_ENUM
#undef F_TEXT
#undef F_ADDRESSES
#undef F_COUNTS

#define EVENT_ID(name, text, fields) EVENT_ID_##name,
enum event_id { HAK_EVENTS(EVENT_ID) EVENT_COUNT };

#endif
