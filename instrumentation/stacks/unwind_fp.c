/*
 * unwind_fp.c: stacks by frame pointers, and the bounds of the stack.
 *
 *   a record:  the address of the caller's record, and the return address;   the caller's record lies above, on the same stack
 *
 * A function built without frame pointers uses the register for other values, or leaves the caller's value in it. The chain then ends, leads astray
 * or omits the caller. So on x86-64 it serves only on request, and for stacks that libunwind cannot tell.
 *
 * Nothing here faults. On the thread's own stack, which lives as long as the thread, only memory above the stack pointer is read. On any other
 * stack (an alternate signal stack, a coroutine's) the kernel reads.
 */
#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>
#include <ucontext.h>
#include <unistd.h>

#include "src/memory/maps.h"
#include "src/platform/message.h"
#include "src/memory/os.h"
#include "src/platform/syscall.h"
#include "base/inside.h"
#include "unwind_fp.h"

#if defined(__x86_64__) || defined(__aarch64__)
#define HAVE_RECORDS true
#else
#define HAVE_RECORDS false
#endif

#define FOREIGN_SPAN MIB /* on an unknown stack, the most between two records */
#define READS_STACK __attribute__((no_sanitize("address")))

/*
 * high is 0 until the first call; it equals low if the bounds are unknown. If a stack pointer comes below `ask`, more of the stack is searched for; 0:
 * `low` is where it begins.
 */
static __thread struct { uintptr_t low, high, ask; } here __attribute__((tls_model("initial-exec")));

/* ---- The bounds of the stack. ---- */

struct stack_search {
  uintptr_t on_it, low, high;
};

static bool holds_stack(const struct maps_region *region, void *context) {
  struct stack_search *search = context;
  if (search->on_it < region->start || search->on_it >= region->end) return false;
  search->low = region->start;
  search->high = region->end;
  return true;
}

/*
 * pthread_getattr_np takes a lock of the thread's and allocates; a thread that calls it itself would arrive here with that lock held. So the kernel
 * is asked for the mapping of an address that is known to lie on the stack. For the first thread that is data from its start, because its stack may
 * grow and Valgrind's has no name. For any other thread it is the control block, where the stack begins.
 *
 * The kernel may not list the mappings: /proc is missing (chroot), or no descriptor is free. Then the stack ends at this address, and search_on finds
 * where a thread's begins. The first thread's grows up to its limit. If it has none, it is alone in the 128 MiB that the kernel keeps free below its end.
 */
#define UNLIMITED (64 * MIB)

static void find_stack(void) {
  const bool first = os_thread() == (uint32_t)sys_getpid();
  struct stack_search search = {.on_it = first ? (uintptr_t)getauxval(AT_RANDOM) : (uintptr_t)pthread_self()};
  struct rlimit limit;
  uintptr_t ask = 0;
  const int cancellation = cancellation_hold();
  if (!maps_each(holds_stack, &search) && search.on_it != 0) {
    search.high = align_down(search.on_it, sizeof(uintptr_t));
    search.low = ask = align_down(search.on_it, os_page_size());
  }
  if (search.high == 0) {
    search.low = search.high = 1;
  } else if (!first) {
    search.high = search.on_it;
  } else if (sys_getrlimit(RLIMIT_STACK, &limit) == 0) {
    if (limit.rlim_cur < search.high) search.low = search.high - limit.rlim_cur;
    else if (search.low > search.high - UNLIMITED) search.low = search.high - UNLIMITED;
    ask = 0;
  }
  cancellation_restore(cancellation);
  here.low = search.low;
  here.ask = ask;
  here.high = search.high;
}

#define SPARE (64 * KIB)        /* of the stack below its pointer are searched for: libunwind needs some, */
#define SPARE_LEAST (SPARE / 2) /* and a stack that grows should not need a search at each page */
#define SEARCH_MOST MIB         /* in one search */
#define STACK_MOST (8 * MIB)    /* deeper parts of a stack are not known */

/*
 * Moves `low` down to below the stack pointer, one page that the kernel can read after the other. A page that it cannot read ends the stack. A search that does
 * not get so far goes on at the next call. So a stack of another kind, which may lie anywhere below, costs only the first few calls.
 */
static NOINLINE void search_on(uintptr_t stack) {
  const size_t page = os_page_size();
  const uintptr_t bottom = here.high - STACK_MOST;
  if (stack < bottom) return;
  for (size_t searched = 0; searched < SEARCH_MOST && here.low + SPARE > stack; searched += page) {
    if (here.low - page < bottom || !maps_is_surely_readable((const void *)(here.low - page))) {
      here.ask = 0;
      return;
    }
    here.low -= page;
  }
  here.ask = here.low + SPARE_LEAST;
}

/* Before the thread's bounds are compared with a stack pointer. */
static inline void know_stack(uintptr_t stack) {
  if (UNLIKELY(here.high == 0)) find_stack();
  if (UNLIKELY(stack < here.ask)) search_on(stack);
}

static bool is_own(uintptr_t address) { return address >= here.low && address < here.high; }

size_t fp_room(uintptr_t stack) {
  know_stack(stack);
  return is_own(stack) ? stack - here.low : 0;
}

uintptr_t fp_stack_end(uintptr_t stack) {
  know_stack(stack);
  return is_own(stack) ? here.high : 0;
}

bool fp_is_own(uintptr_t address) {
  if (UNLIKELY(here.high == 0)) find_stack();
  return is_own(address);
}

struct record {
  uintptr_t caller, address;
};

/* Reads the record at `at`, if it is readable. */
READS_STACK static bool read_record(uintptr_t at, struct record *out) {
  if (!is_own(at)) return maps_read(out, (const void *)at, sizeof(*out));
  *out = *(const struct record *)at;
  return true;
}

/*
 * The return address of a record. Code for aarch64 may sign it: then its upper bits are a signature, which this removes. Debian builds its packages so.
 * The instruction is xpaclri, which does nothing on processors without signatures.
 */
static uintptr_t return_address(const struct record *record) {
#if defined(__aarch64__)
  register uintptr_t address __asm__("x30") = record->address;
  __asm__("hint #7" : "+r"(address));
  return address;
#else
  return record->address;
#endif
}

/* Whether the record after the one at `at` can lie at `next`. */
static bool can_be_next(uintptr_t at, uintptr_t next) {
  if (next % sizeof(uintptr_t) != 0) return false;
  if (is_own(next)) return next + sizeof(struct record) <= here.high && (!is_own(at) || next > at);
  return !is_own(at) && next > at && next - at <= FOREIGN_SPAN;
}

static uint32_t walk(uintptr_t at, uintptr_t *frames, uint32_t most) {
  struct record record;
  uint32_t count = 0;
  while (HAVE_RECORDS && count < most && read_record(at, &record) && record.address != 0) {
    frames[count++] = return_address(&record);
    if (!can_be_next(at, record.caller)) break;
    at = record.caller;
  }
  return count;
}

uint32_t fp_capture(uintptr_t at, uintptr_t *frames, uint32_t most) {
  know_stack(at);
  return walk(at, frames, most);
}

uint32_t fp_context(void *context, uintptr_t *frames, uint32_t most) {
  const mcontext_t *registers = &((const ucontext_t *)context)->uc_mcontext;
#if defined(__x86_64__)
  const uintptr_t address = (uintptr_t)registers->gregs[REG_RIP], at = (uintptr_t)registers->gregs[REG_RBP];
  const uintptr_t stack = (uintptr_t)registers->gregs[REG_RSP];
#elif defined(__aarch64__)
  const uintptr_t address = registers->pc, at = registers->regs[29], stack = registers->sp;
#else
  const uintptr_t address = 0, at = 0, stack = 0;
  (void)registers;
#endif
  if (most == 0 || address == 0) return 0;
  frames[0] = address + 1; /* a frame is a return address; the text shows the byte before it */
  return 1 + (at >= stack && at % sizeof(uintptr_t) == 0 ? walk(at, frames + 1, most - 1) : 0);
}
