/*
 * stacks.c: stack ids. An id stands for the 64-bit hash of a stack's frames and epoch (modules.c): its place in `hashes`, from 1. The first time,
 * an event tells the stack's frames. Before it come the events of the loaded objects that hold them. The frames of incidents and single blocks are
 * kept by id; those of incidents enter the statistics block as well.
 */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/single_threaded.h>
#include <time.h>
#include <ucontext.h>

#include "src/platform/config.h"
#include "src/platform/message.h"
#include "src/memory/os.h"
#include "src/checker_hooks.h"
#include "src/probe.h"
#include "src/platform/lock.h"
#include "src/platform/syscall.h"
#include "base/gate.h"
#include "statistics/stats.h"
#include "modules.h"
#include "stacks.h"
#include "unwind.h"
#include "unwind_fp.h"
#include "unwind_steps.h"

#define OPEN_MS 100
#define LOCK_WAIT_MS 100      /* the holder may be the thread whose fault is reported */
#define OPEN_ROOM (64 * KIB)  /* stack that the loader needs, */
#define BEGIN_ROOM (32 * KIB) /* and that pthread_create needs */
#define INNER_FRAMES 8        /* the most frames of libunwind within the first wanted one */

static struct lock lock;
static uint32_t libunwind; /* atomic */
static bool started;       /* before that, no library may be opened: the loader may be the caller of malloc */
enum { UNTRIED, OPENING, MISSING, REFUSED, OPEN };

/* Outside the gate: a constructor that waits for the gate may hold the loader's other lock. */
static void *open_libunwind(void *unused) {
  hub_hold(); /* it may run on a thread of its own */
  static const uint32_t state[] = {[UNWIND_OPEN] = OPEN, [UNWIND_MISSING] = MISSING, [UNWIND_REFUSED] = REFUSED};
  const enum unwind_opened opened = unwind_open();
  if (opened == UNWIND_OPEN) {
    uintptr_t frames[INNER_FRAMES];
    if (gate_ask()) {
      unwind_capture(frames, INNER_FRAMES, modules_epoch()); /* the first call builds libunwind's tables, and allocates */
      gate_ask_end();
    }
  }
  hub_release();
  __atomic_store_n(&libunwind, state[opened], __ATOMIC_RELEASE);
  return unused;
}

/*
 * Starts the thread that opens libunwind, from a stack of our own: pthread_create and the loader, which finds what it calls, need more than a fiber's
 * stack of one page.
 */
static struct {
  ucontext_t here, there;
  bool begun;
  char stack[BEGIN_ROOM];
} beginning BULK; /* of the thread that has set `libunwind` to OPENING */

static void begin_thread(void) {
  pthread_t thread;
  const uint64_t signals = sys_block_signals();
  beginning.begun = pthread_create(&thread, NULL, open_libunwind, NULL) == 0;
  sys_restore_signals(signals);
  if (beginning.begun) pthread_detach(thread);
}

static bool begin_on_own_stack(void) {
  beginning.begun = false;
  if (getcontext(&beginning.there) != 0) return false;
  beginning.there.uc_stack.ss_sp = beginning.stack;
  beginning.there.uc_stack.ss_size = sizeof(beginning.stack);
  beginning.there.uc_link = &beginning.here;
  makecontext(&beginning.there, begin_thread, 0);
  return swapcontext(&beginning.here, &beginning.there) == 0 && beginning.begun;
}

#define HASHES STACK_IDS
/* Mapped when the first stack is taken: most programs need none, and a limit on address space or data counts untouched memory, too. */
static struct stack_tables {
  uint64_t hashes[HASHES];                 /* 0: unused */
  uint16_t told[HASHES];                   /* the pass that last raised the event of this stack */
  const struct stack_frames *kept[HASHES]; /* by id - 1; entries never change */
} * tables;                                /* atomic; NULL until then */
static uint16_t pass = 1;                  /* atomic; grows with stacks_tell_again */

#define ROOM_TIMES 16

/* A program that comes to a limit gets what is left. The stack of a refusal or of a long call is not worth a 16th of it. */
static bool has_room(enum stack_use use) { return (use != STACK_REFUSAL && use != STACK_CALL) || os_left() >= ROOM_TIMES * sizeof(struct stack_tables); }

/*
 * HAKMEM_STACKS=auto: the first thread that needs a stack opens libunwind; until then other threads get none. With several threads, a constructor
 * may hold the loader's lock and wait for this thread. So a thread of ours opens it, and this one waits for a short time only. `in_loader`: this thread
 * itself may be in the loader, which a dlopen within a dlopen would end with a failed assertion.
 */
static void open_now(enum stack_use use, bool in_loader) {
  uint32_t untried = UNTRIED;
  if (!started || __atomic_load_n(&libunwind, __ATOMIC_RELAXED) != UNTRIED || !has_room(use) ||
      !__atomic_compare_exchange_n(&libunwind, &untried, OPENING, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
    return;
  if (!in_loader && __libc_single_threaded && fp_room((uintptr_t)__builtin_frame_address(0)) >= OPEN_ROOM) {
    open_libunwind(NULL);
    return;
  }
  if (!begin_on_own_stack()) {
    __atomic_store_n(&libunwind, UNTRIED, __ATOMIC_RELEASE);
    return;
  }
  for (unsigned ms = 0; ms < OPEN_MS && __atomic_load_n(&libunwind, __ATOMIC_ACQUIRE) == OPENING; ms++) {
    sys_sleep_ns(1000000);
  }
}

#if defined(__aarch64__)
#define KEEPS_RECORDS true /* compilers for aarch64 keep a frame record in each function that calls others, as its procedure call standard asks */
#else
#define KEEPS_RECORDS false
#endif

/* False if memory runs out. */
static bool make_tables(enum stack_use use) {
  if (LIKELY(__atomic_load_n(&tables, __ATOMIC_ACQUIRE) != NULL)) return true;
  if (!has_room(use)) return false;
  struct stack_tables *none = NULL, *const fresh = os_map_table(sizeof(*fresh));
  if (fresh == NULL) return false;
  const bool first = __atomic_compare_exchange_n(&tables, &none, fresh, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
  if (!first) os_unmap_table(fresh, sizeof(*fresh)); /* another thread was faster */
  return true;
}

/*
 * If stacks are likely to be needed, libunwind is opened here, where no lock can be held. Otherwise the first incident opens it. A program without
 * incidents then saves half of the cost of statistics in a short process.
 */
void stacks_start(bool is_listened) {
  const bool wanted = config.ss_limit != 0 || config.leaks != 0 || config.profile != 0 || config.guard != 0 || config.debug != 0;
  const bool likely = wanted || is_listened;
  started = true;
  if (wanted || config.secure != 0) make_tables(STACK_FAULT); /* a handler of faults cannot */
  if (KEEPS_RECORDS && config.stacks == STACKS_AUTO) config.stacks = STACKS_FP;
  if (config.stacks == STACKS_OFF || config.stacks == STACKS_FP || (config.stacks == STACKS_AUTO && !likely)) return;
  open_libunwind(NULL);
  if (libunwind == MISSING && (wanted || config.stacks == STACKS_UNWIND))
    message_say("cannot open libunwind.so.8, so there are no stacks; install the package libunwind8");
}

void stacks_begin(void) {
  if (config.stacks == STACKS_AUTO) open_now(STACK_BLOCK, true);
}

/* ---- Ids. ---- */

#define PROBES_MAX 64
#define FAULTS 64 /* faults whose frames are kept */

/* Frames as they are captured: one more than are kept, to know whether the stack goes on. */
#define CAPTURED (STATS_FRAMES + 1)
struct capture {
  uint32_t count, epoch, cut;
  uintptr_t frames[CAPTURED];
};

/* Never 0. Every frame passes a multiplication, whose upper half is mixed into the next one. */
static uint64_t hash_of(const struct capture *c) {
  uint64_t hash = UINT64_C(0xcbf29ce484222325) + c->epoch + ((uint64_t)c->cut << 32);
  for (uint32_t i = 0; i < c->count; i++) {
    hash = (hash ^ (uint64_t)c->frames[i]) * UINT64_C(0x9e3779b97f4a7c15);
    hash ^= hash >> 32;
  }
  return hash | 1;
}

/* The id of the stack with this hash; 0 if the table is full. *fresh: its event was not yet raised in this pass. Takes no lock. */
static uint32_t id_of(uint64_t hash, bool *fresh) {
  uint32_t i = (uint32_t)(hash >> 32) % HASHES;
  for (unsigned probe = 0; probe < PROBES_MAX; probe++, i = (i + 1) % HASHES) {
    uint64_t seen = 0;
    const bool given = __atomic_compare_exchange_n(&tables->hashes[i], &seen, hash, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    if (!given && seen != hash) continue;
    const uint16_t now = __atomic_load_n(&pass, __ATOMIC_RELAXED);
    *fresh = __atomic_load_n(&tables->told[i], __ATOMIC_RELAXED) != now && __atomic_exchange_n(&tables->told[i], now, __ATOMIC_RELAXED) != now;
    return i + 1;
  }
  *fresh = false;
  return 0;
}

/* Memory for the frames of a fault, whose handler cannot allocate. */
static struct stack_frames *reserve(void) {
  static union {
    struct stack_frames frames;
    char bytes[sizeof(struct stack_frames) + STATS_FRAMES * sizeof(uintptr_t)];
  } places[FAULTS] BULK;
  static uint32_t used; /* atomic */
  const uint32_t i = __atomic_fetch_add(&used, 1, __ATOMIC_RELAXED);
  return i < FAULTS ? &places[i].frames : NULL;
}

/* Keeps the frames, once. False if memory runs out. */
static bool keep_frames(uint32_t id, const struct capture *c, enum stack_use use) {
  if (__atomic_load_n(&tables->kept[id - 1], __ATOMIC_RELAXED) != NULL) return true;
  struct stack_frames *fresh = use == STACK_FAULT ? reserve() : os_metadata(sizeof(*fresh) + c->count * sizeof(c->frames[0]));
  if (fresh == NULL) return false;
  fresh->count = c->count;
  fresh->epoch = c->epoch;
  fresh->cut = c->cut;
  memcpy(fresh->frame, c->frames, c->count * sizeof(c->frames[0]));
  const struct stack_frames *none = NULL; /* another thread may have stored its copy first */
  __atomic_compare_exchange_n(&tables->kept[id - 1], &none, fresh, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
  return true;
}

const struct stack_frames *stacks_frames(uint32_t id) { return id != 0 ? __atomic_load_n(&tables->kept[id - 1], __ATOMIC_ACQUIRE) : NULL; }

void stacks_publish(uint32_t id) {
  const struct stack_frames *frames = stacks_frames(id);
  if (frames == NULL) return;
  struct stats_block *b = stats_block();
  if (!lock_take_within(&lock, LOCK_WAIT_MS)) return;
  uint32_t i = 0;
  while (i < STATS_STACKS && b->stacks[i].id != 0 && b->stacks[i].id != id) i++;
  if (i == STATS_STACKS) {
    b->stacks_missed++;
  } else if (b->stacks[i].id == 0) {
    struct stats_stack *stack = &b->stacks[i];
    for (uint32_t f = 0; f < frames->count; f++) stack->frames[f] = frames->frame[f];
    stack->frame_count = frames->count;
    stack->epoch = frames->epoch;
    stack->cut = frames->cut;
    __atomic_store_n(&stack->id, id, __ATOMIC_RELEASE);
  }
  lock_release(&lock);
}

void stacks_tell_again(void) {
  __atomic_add_fetch(&pass, 1, __ATOMIC_RELAXED);
  modules_tell_again();
}

/* ---- Frames. ---- */

/* Unwinds with libunwind, from the frame with this return address on. */
static uint32_t by_libunwind(uintptr_t first, uintptr_t *frames, uint32_t epoch) {
  uintptr_t all[CAPTURED + INNER_FRAMES];
  if (!gate_ask()) return 0;
  const uint32_t count = unwind_capture(all, ARRAY_LENGTH(all), epoch);
  gate_ask_end();
  for (uint32_t inner = 0; inner < count && inner <= INNER_FRAMES; inner++) {
    if (all[inner] != first) continue;
    const uint32_t wanted = count - inner < CAPTURED ? count - inner : CAPTURED;
    memcpy(frames, all + inner, wanted * sizeof(*frames));
    return wanted;
  }
  return 0;
}

/*
 * Fills `frames` from the record at `at`, of a function of ours with the return address `first`, up to `end`. *learnt: libunwind was asked about
 * this many frames, whose objects must be entered even if the stack is dropped.
 */
static uint32_t capture(uintptr_t at, uintptr_t end, uintptr_t first, uintptr_t *frames, uint32_t epoch, uint32_t *learnt) {
  uint32_t count = 0;
  if (config.stacks == STACKS_FP) return fp_capture(at, frames, CAPTURED);
  const bool can_ask = __atomic_load_n(&libunwind, __ATOMIC_ACQUIRE) == OPEN;
  if (config.stacks == STACKS_AUTO) count = steps_capture(at, end, frames, CAPTURED, epoch, can_ask, learnt);
  return count == 0 && can_ask ? by_libunwind(first, frames, epoch) : count;
}

/* From the linker: where this library begins, and where its code ends. */
extern const char __ehdr_start[] __attribute__((visibility("hidden"))), etext[] __attribute__((visibility("hidden")));

static bool is_own(uintptr_t address) { return address >= (uintptr_t)__ehdr_start && address < (uintptr_t)etext; }

/*
 * One call site of the program is one stack, whichever of our functions the call passed. (A call whose time is taken passes one more.) If the library is
 * linked into the program, its frames look like the program's own, and stay.
 */
static void leave_own_frames(struct capture *c) {
  uint32_t own = 0;
  while (own < c->count && is_own(c->frames[own])) own++;
  if (own == 0 || own == c->count || is_own(getauxval(AT_PHDR))) return;
  c->count -= own;
  memmove(c->frames, c->frames + own, c->count * sizeof(c->frames[0]));
}

/* The id of these frames, kept and raised as the use demands; 0 if there are none, or the table is full. */
static uint32_t enter(struct capture *c, enum stack_use use) {
  bool fresh;
  if (c->count == 0) return 0;
  c->cut = c->count > STATS_FRAMES;
  if (use == STACK_BLOCK) leave_own_frames(c);
  if (c->count > STATS_FRAMES) c->count = STATS_FRAMES;
  if (use == STACK_FAULT ? tables == NULL : !make_tables(use)) return 0;
  const uint32_t id = id_of(hash_of(c), &fresh);
  if (id == 0) return 0;
  const bool is_kept = use != STACK_TRACED && keep_frames(id, c, use);
  if (use >= STACK_REFUSAL) stacks_publish(id);
  if (!fresh || (use != STACK_TRACED && !is_kept)) return id; /* the early ring can only point to kept frames */
  modules_record(c->frames, c->count, c->epoch);
  EVENT(stack, .id = id, .frames = is_kept ? stacks_frames(id)->frame : c->frames, .frame_count = c->count, .epoch = c->epoch, .cut = c->cut);
  return id;
}

NOINLINE uint32_t stacks_capture(enum stack_use use, const void *frame) {
  if (config.stacks == STACKS_OFF) return 0;
#if !defined(__x86_64__)
  frame = NULL; /* on other processors a frame's second word need not be the return address */
#endif
  if (config.stacks == STACKS_AUTO && use != STACK_CALL) open_now(use, false);
  struct capture c;
  const uintptr_t at = frame != NULL ? (uintptr_t)frame : (uintptr_t)__builtin_frame_address(0);
  const uintptr_t first = frame != NULL ? ((const uintptr_t *)frame)[1] : (uintptr_t)__builtin_return_address(0);
  const uintptr_t end = fp_stack_end(at); /* a thread's first call allocates and reads files */
  c.epoch = modules_epoch();
  uint32_t learnt = 0;
  c.count = capture(at, end, first, c.frames, c.epoch, &learnt);
  if (learnt > 0) modules_record(c.frames, learnt, c.epoch); /* steps are valid while their objects are loaded, which the epoch tells */
  return enter(&c, use);
}

uint32_t stacks_fault(void *context) {
  if (config.stacks == STACKS_OFF) return 0;
  struct capture c;
  c.epoch = modules_epoch();
  c.count = 0;
  if (__atomic_load_n(&libunwind, __ATOMIC_ACQUIRE) == OPEN && gate_ask()) {
    c.count = unwind_context(context, c.frames, CAPTURED);
    gate_ask_end();
  }
  if (c.count == 0) c.count = fp_context(context, c.frames, CAPTURED);
  return enter(&c, STACK_FAULT);
}

/* ---- Forks. ---- */

const struct lock_row hub_stacks_locks = LOCK_ROW(lock);

void stacks_fork_prepare(void) { gate_bar_fork(); }

void stacks_fork_release(void) { gate_unbar_fork(); }

void stacks_fork_child(void) {
  modules_fork_child();
  gate_fork_child();
  /*
   * The thread that was opening it does not exist in the child, and may have left it half relocated. If the gate is closed, the loader's lock is lost in the
   * child, so no thread can open it.
   */
  if (libunwind == OPENING || (libunwind == UNTRIED && gate_is_closed())) libunwind = MISSING;
}
