/*
 * hub.h: what the parts of the instrumentation know of each other.
 *
 * The hub gives every event to three sinks of one shape: the statistics, the log, and the tracer that was attached, if any.
 */
#ifndef HAKMEM_HUB_H
#define HAKMEM_HUB_H

#include <limits.h>
#include <pthread.h>
#include <signal.h>

#include "src/events.h"
#include "src/platform/lock.h"
#include "src/platform/message.h"
#include "src/platform/syscall.h"
#include "statistics/stats.h"

/* The names of an enumeration's values, in order: event_names_lookup_result[LOOKUP_HIT] is "hit". */
#define EVENT_NAMES_DECLARE(e) extern const char *const event_names_##e[e##_count];
HAK_ENUMS(EVENT_NAMES_DECLARE)

extern const struct hak_event_sink stats_sink, log_sink;

/*
 * malloc and free are no cancellation points, but open, read and write are: whoever calls these within a block's way keeps the thread from
 * being cancelled there, where it would leave the block, a lock or a flag behind.
 */
static inline int hub_hold_cancellation(void) {
  int before;
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
  return before;
}
static inline void hub_restore_cancellation(int before) { pthread_setcancelstate(before, NULL); }

/*
 * For what the report of a fault takes, too: of a lock that somebody holds, who may be the interrupted thread itself, it waits a while for the
 * end. False: not got.
 */
bool hub_lock_soon(struct lock *lock);

/* Whether somebody looks at the statistics or the events: then snapshots are taken on the schedule. */
bool hub_is_watched(void);
/* Whether a tracer takes the events down. */
bool hub_is_listened(void);

/* ---- stats.c ---- */

/* The block of this process; never NULL. */
struct stats_block *stats_block(void);
/* Takes a file for HAKMEM_STATS_FILE; a forked child gets a file of its own with its first count. */
void stats_start(void);
/* Brings the file up to date: if it is time for that; at once; before the process ends. Signal safe. */
void stats_tick(void);
void stats_publish(void);
void stats_end(void);
void stats_exit(void); /* the same at a call of _exit */
/* Whether this process, which is no child of vfork, has a file. */
bool stats_has_file(void);
void stats_fork_prepare(void);
void stats_fork_child(void);
/* Nanoseconds since the block's start_realtime_ns, whatever was done to the clock of day. */
uint64_t stats_elapsed_ns(void);
void stats_count(uint32_t cls, uint64_t allocs, uint64_t frees);
void stats_request(uint32_t cls, size_t size);
void stats_reentered(void);

/* ---- stats_file.c ---- */

/* Takes a file for the block, and writes it; a child's replaces no other. */
void stats_file_start(struct stats_block *b, bool is_child);
/* Writes the block's file, if there is one and no other thread does, if it is time; at once. Signal safe. */
void stats_file_tick(struct stats_block *b, uint64_t now_ms);
void stats_file_write(struct stats_block *b);
/* The last time: waits for another thread that writes. */
void stats_file_end(struct stats_block *b);
bool stats_file_is_there(const struct stats_block *b);
void stats_file_fork_child(void);

/* ---- snapshot.c ---- */

/*
 * Brings the gauges, the buckets and the timeline of the block up to date. `thorough`: reads every block's header for
 * the utilisation and asks the kernel which pages are there. `in_signal`: takes no lock; where one is taken, what it guards keeps its
 * last value. Raises no event.
 */
void snapshot_take(bool thorough, bool in_signal);
uint32_t snapshot_rounds(void); /* how many snapshots have begun, and ended: odd during one */
void snapshot_fork_child(void);

/* Raises one fragmentation event per class in use, from the last snapshot. No lock may be held. */
void snapshot_raise(void);

/* ---- sites.c ---- */

/*
 * HAKMEM_PROFILE: makes the table of allocation sites for the snapshot that was just taken. `moment`: its figures; `waste`, `pinned`, `pinned_slabs`: as
 * in struct stats_profile. No lock may be held. Unless `now`, only as often as its cost allows.
 */
void sites_take(const struct stats_moment *moment, uint64_t waste, uint64_t pinned, uint64_t pinned_slabs, bool now);
/* Bytes of the table that they are added up in. Signal safe. */
size_t sites_bytes(void);
void sites_fork_child(void);

/* ---- dump.c ---- */

/* Writes the statistics as text, from the last snapshot. Signal safe. Returns 0 or the errno of write. `fd`: one that the program has named, or the log. */
#define DUMP_TO_LOG INT_MIN
int dump_write(int fd);

/* ---- log.c ---- */

void log_start(void);
/* Whether the log has a line for such an event: its sink is not to be called for others. */
bool log_hears(enum event_id id);
/* Ends the line and writes it to HAKMEM_LOG_FILE, else to standard error. Returns 0 or an errno. Signal safe. */
int log_send(struct message *m);

/* ---- stacks.c ---- */

void stacks_start(void);
#define STACK_IDS 65536 /* ids are 1 to this */
/* What a stack is taken for: told to a tracer alone; kept; kept, and in the statistics block; the same, by a signal handler. */
enum stack_use { STACK_TRACED, STACK_BLOCK, STACK_INCIDENT, STACK_FAULT };
/*
 * The id of the calling thread's stack from `frame` on, which hub_block_stack explains, or from its own caller on where that is NULL; 0 where
 * there is none. No lock may be held.
 */
uint32_t stacks_capture(enum stack_use use, const void *frame);
/*
 * The id of the stack of a fault: `context` is its ucontext_t, the first frame is told as the instruction that faulted. Kept, and in the
 * statistics block. For a signal handler: where what it needs is held by somebody, possibly by the thread itself, it goes without.
 */
uint32_t stacks_fault(void *context);
/* The frames of a stack that was kept; else NULL. Signal safe. */
struct stack_frames { uint32_t count, epoch; uintptr_t frame[]; };
const struct stack_frames *stacks_frames(uint32_t id);
/* Enters the frames of a stack that was kept into the statistics block. */
void stacks_publish(uint32_t id);
/* To a new listener: raises the module events so far, and has each stack told of once more when it is seen next. */
void stacks_tell_again(void);
void stacks_fork_prepare(void);
void stacks_fork_release(void);
void stacks_fork_child(void);

/* ---- gate.c: between gate_enter and gate_leave, the loader and libunwind may be called if gate_enter said so. ---- */

bool gate_enter(void);
void gate_leave(void);
/* Whether this thread is between the two. */
bool gate_is_inside(void);
/* Whether the loader's lock is lost to this process: who is inside must not call it again. */
bool gate_is_closed(void);
/* Waits until nobody is inside but this thread, and lets no other in until gate_unbar. */
void gate_bar(void);
void gate_unbar(void);
void gate_fork_child(void); /* in the stead of gate_unbar */

/* ---- modules.c ---- */

/* The epoch that a stack taken now belongs to. `may_ask`: the gate is open; else the last one known. */
uint32_t modules_epoch(bool may_ask);
/* Enters the objects that the addresses lie in, and tells of those that are new. */
void modules_record(const uintptr_t *frames, uint32_t count, uint32_t in_epoch);
/* Enters other allocators that are loaded beside hakmem, which no stack may ever point into. */
void modules_record_allocators(void);
/*
 * The path of the object that the address of a stack of this epoch lay in, and the address as its file has it. NULL where it is not entered.
 * Signal safe.
 */
const char *modules_path(uintptr_t address, uint32_t in_epoch, uintptr_t *own);
void modules_tell_again(void);
void modules_fork_child(void);

/* ---- unwind_fp.c; `at` is __builtin_frame_address(0) of a function that has not returned. ---- */

/* Bytes between `address` and the end of this thread's stack; 0 where it does not lie on it. */
size_t fp_room(uintptr_t address);
/* Where the thread's stack ends, above `address`; 0 where that does not lie on it. */
uintptr_t fp_stack_end(uintptr_t address);
/* The chain as it is. */
uint32_t fp_capture(uintptr_t at, uintptr_t *frames, uint32_t most);

/* ---- unwind_steps.c ---- */

/*
 * The stack from the function on whose __builtin_frame_address(0) is `at`, on a thread's own that ends at `end` (else that is 0); 0 where it cannot be told so. `may`: the gate is open, libunwind can be
 * asked. *learnt: among so many of the frames it was.
 */
uint32_t steps_capture(uintptr_t at, uintptr_t end, uintptr_t *frames, uint32_t most, uint32_t epoch, bool may, uint32_t *learnt);

/* unwind_libunwind.c or unwind_none.c: opens what it needs (false: there is none); fills at most `most` addresses, of an epoch. */
bool unwind_open(void);
uint32_t unwind_capture(uintptr_t *frames, uint32_t most, uint32_t epoch);
/*
 * How the function that this return address leads into is left: its frame ends `size` bytes above its stack pointer or its frame pointer, the return address
 * right below, and the caller's frame pointer `saved` bytes below that end (0: in its register). STEP_END: nobody called it.
 * `stack` and `frame` are what both pointers are in a frame of it now, on a stack that ends at `high`. False where nothing was found out: no room.
 */
enum step_from { STEP_OTHER, STEP_BY_STACK, STEP_BY_FRAME, STEP_END };
struct unwind_step { enum step_from from; uint64_t size, saved; };
bool unwind_step(uintptr_t address, uintptr_t stack, uintptr_t frame, uintptr_t high, struct unwind_step *out);

/*
 * The innermost frame of the calling thread whose address `is_wanted`: its stack pointer, and what the registers hold there that functions keep
 * for their callers. Returns how many registers, 0 where that cannot be told.
 */
#define UNWIND_REGISTERS 16
uint32_t unwind_registers(bool (*is_wanted)(uintptr_t address), uintptr_t *stack_pointer, uintptr_t registers[UNWIND_REGISTERS]);

/* From the registers of a signal's ucontext_t on, the frame that was interrupted first; signal safe as far as libunwind is. Else 0. */
uint32_t unwind_context(void *context, uintptr_t *frames, uint32_t most);
/* The same by frame pointers, as they are. Signal safe. */
uint32_t fp_context(void *context, uintptr_t *frames, uint32_t most);

/* ---- fault.c ---- */

/* Where blocks are guarded: takes over the faults. Once, before the program installs handlers of its own. */
void fault_start(void);
void fault_fork_child(void);
/* As sigaction, for SIGSEGV: what is the program's. Signal safe. */
bool fault_is_ours(int signal);
int fault_sigaction(int signal, const struct sigaction *act, struct sigaction *old);

/* ---- incident.c ---- */

void incident_hdr_reset(const struct event_hdr_reset *event);
void incident_shared_fail(const struct event_shared_fail *event);
/* How often the incident that the calling thread met last has happened by then, itself included. */
uint64_t incident_times(void);

/* ---- leaks.c ---- */

/* HAKMEM_LEAKS: when the program begins. */
void leaks_start(void);
/* Writes which live blocks can still be reached, which not, and where they were allocated. At the end of the process. */
void leaks_report(void);

/* ---- frames.c ---- */

/* Adds a line for each frame of a stack that was kept, without hakmem's own, behind a line that is not ended. Signal safe. */
void frames_put(struct message *m, uint32_t stack);

/* ---- blackbox.c ---- */

/* Adds the lines that stand behind the one of a header reset, and sends all of it by `send`: a message for each stack. */
void blackbox_send(struct message *m, const struct event_hdr_reset *event, int (*send)(struct message *));

#endif
