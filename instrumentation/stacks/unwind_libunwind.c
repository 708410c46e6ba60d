/*
 * unwind_libunwind.c: stacks by libunwind, the only file that knows it.
 *
 * libunwind is opened privately (RTLD_LOCAL), never linked: a preloaded library that needs libunwind.so would put libunwind's
 * _Unwind_RaiseException before libgcc's for the whole program, and change how C++ exceptions run.
 *
 * Locks: a malloc may come from within dl_iterate_phdr, under the loader's lock, and libunwind calls dl_iterate_phdr. If libunwind then held a lock
 * of its own, two threads could deadlock. So its shared cache of register states, which has a lock, is off. unw_backtrace is still fast, because
 * each thread has its own cache of frames.
 *
 * The thread's cache cannot be emptied. A thread that filled it before an object was unloaded would mistake another object at the same addresses
 * for the old one. From then on such a thread unwinds step by step, without the cache.
 *
 * To test whether a word is readable, libunwind writes it to a pipe of its own. The program may have closed the pipe's descriptors and reused their
 * numbers, so stray bytes would enter the program's file. So this file reads the words itself. It also keeps the pipe from being opened, if that
 * disturbs no other thread.
 *
 * unw_backtrace takes about 8 KiB of stack. If there may be less, the steps run on a stack of ours.
 */
#include <dlfcn.h>
#include <signal.h>
#include <sys/auxv.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/single_threaded.h>
#include <ucontext.h>
#define UNW_LOCAL_ONLY
#include <libunwind.h>

#include "src/memory/maps.h"
#include "src/memory/os.h"
#include "src/platform/message.h"
#include "src/platform/syscall.h"
#include "library_file.h"
#include "unwind.h"
#include "unwind_fp.h"

#define LIBRARY "libunwind.so.8"
#define TEXT_OF(x) #x
#define NAME_OF(x) TEXT_OF(x)

static int (*backtrace)(void **, int); /* atomic; written last */
#if defined(__aarch64__) || defined(__arm__)
#define take_registers(registers) unw_tdep_getcontext(registers) /* a macro that contains the whole function */
#define TAKE_REGISTERS true
/*
 * unw_backtrace has a cache of frames for each thread. On aarch64, libunwind 1.6's cache sometimes follows a wrong frame pointer, and reads an address that
 * is not mapped: one run in ten of the model test with HAKMEM_SS_LIMIT=1 ended so, on an emulated processor. Single steps do not.
 */
#define CACHE_IS_SAFE false
#else
#define CACHE_IS_SAFE true
static int (*take_registers)(unw_context_t *);
#define TAKE_REGISTERS (take_registers = (int (*)(unw_context_t *))dlsym(library, NAME_OF(unw_tdep_getcontext))) != NULL
#endif
static int (*init_local)(unw_cursor_t *, unw_context_t *);
static int (*init_context)(unw_cursor_t *, unw_context_t *, int);
static int (*step)(unw_cursor_t *);
static int (*get_reg)(unw_cursor_t *, unw_regnum_t, unw_word_t *);
static int (*get_proc_info)(unw_cursor_t *, unw_proc_info_t *);
static int (*get_save_loc)(unw_cursor_t *, int, unw_save_loc_t *);

static __thread uint32_t cached_since __attribute__((tls_model("initial-exec"))); /* 1 + the epoch of the thread's first unw_backtrace */

/* ---- Stacks of ours. ---- */

#define ROOM (16 * KIB) /* the most that unw_backtrace takes */
#define SIDE_SIZE (64 * KIB)
#define SIDES 4

struct side {
  bool busy; /* atomic */
  ucontext_t here, there;
  void (*work)(struct side *side);
  /* A whole stack. */
  unw_context_t registers;
  uintptr_t *frames;
  uint32_t most, count;
  /* A single step. */
  const struct frame_asked *asked;
  struct unwind_step *step;
  bool answered;
};
static struct side sides[SIDES] BULK;
static char *side_stacks; /* SIDES of SIDE_SIZE, each behind a page without access */

static bool map_sides(void) {
  char *p = sys_mmap(NULL, SIDES * SIDE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return false;
  for (unsigned i = 0; i < SIDES; i++) {
    if (sys_mprotect(p + i * SIDE_SIZE, os_page_size(), PROT_NONE) == 0) continue;
    sys_munmap(p, SIDES * SIDE_SIZE);
    return false;
  }
  side_stacks = p;
  return true;
}

/* Appends the callers' frames to the first `count`. */
static uint32_t go_on(unw_cursor_t *cursor, uintptr_t *frames, uint32_t count, uint32_t most) {
  unw_word_t address;
  while (count < most && step(cursor) > 0 && get_reg(cursor, UNW_REG_IP, &address) >= 0) frames[count++] = address;
  return count;
}

static uint32_t go_by_steps(unw_context_t *registers, uintptr_t *frames, uint32_t most) {
  unw_cursor_t cursor;
  return init_local(&cursor, registers) >= 0 ? go_on(&cursor, frames, 0, most) : 0;
}

static void capture_aside(struct side *side) { side->count = go_by_steps(&side->registers, side->frames, side->most); }

static void on_side(unsigned high, unsigned low) {
  struct side *side = (struct side *)((uintptr_t)high << 32 | low);
  side->work(side);
}

static struct side *take_side(void) {
  for (unsigned i = 0; i < SIDES; i++) {
    if (!__atomic_exchange_n(&sides[i].busy, true, __ATOMIC_ACQUIRE)) return &sides[i];
  }
  return NULL; /* all are in use; incidents on small stacks are rare */
}

/* Calls side->work on the side's stack. The caller reads the result, and gives the side back. */
static void go_aside(struct side *side) {
  const size_t page = os_page_size();
  if (getcontext(&side->there) == 0) {
    side->there.uc_stack.ss_sp = side_stacks + (side - sides) * (ptrdiff_t)SIDE_SIZE + page;
    side->there.uc_stack.ss_size = SIDE_SIZE - page;
    side->there.uc_link = &side->here;
    sigfillset(&side->there.uc_sigmask); /* a signal handler would run on a stack that it does not know; but a fault would end the process */
    for (int number = 1; number < _NSIG; number++) {
      if ((SIGNALS_OF_FAULTS & SIGNAL_BIT(number)) != 0) sigdelset(&side->there.uc_sigmask, number);
    }
    makecontext(&side->there, (void (*)(void))on_side, 2, (unsigned)((uintptr_t)side >> 32), (unsigned)(uintptr_t)side);
    swapcontext(&side->here, &side->there);
  }
}

static void give_side(struct side *side) { __atomic_store_n(&side->busy, false, __ATOMIC_RELEASE); }

/* ---- libunwind. ---- */

/* Reads directly above the stack pointer of the thread's own stack; elsewhere the kernel reads. */
static bool word_at(uintptr_t address, uintptr_t *word) {
  const uintptr_t here = (uintptr_t)__builtin_frame_address(0);
  if (!fp_is_own(address) || (address < here && fp_is_own(here))) return maps_read(word, (const void *)address, sizeof(*word));
  memcpy(word, (const void *)address, sizeof(*word));
  return true;
}

static int read_word(unw_addr_space_t space, unw_word_t address, unw_word_t *value, int write, void *argument) {
  (void)space, (void)argument;
  uintptr_t word;
  if (write || !word_at((uintptr_t)address, &word)) return -1; /* unwinding never writes */
  *value = word;
  return 0;
}

/* libunwind's first call opens its pipe; if no descriptor is free, it works without. */
static bool start_libunwind(unw_accessors_t *(*get_accessors)(unw_addr_space_t), unw_addr_space_t space) {
  struct rlimit before;
  const bool alone = __libc_single_threaded && sys_getrlimit(RLIMIT_NOFILE, &before) == 0;
  const uint64_t signals = sys_block_signals();
  if (alone) sys_setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max});
  unw_accessors_t *accessors = get_accessors(space);
  if (alone) sys_setrlimit(RLIMIT_NOFILE, &before);
  sys_restore_signals(signals);
  if (accessors != NULL) accessors->access_mem = read_word;
  return accessors != NULL;
}

static void say_cut_off(const char *path) {
  struct message m;
  message_start(&m);
  message_text(&m, "hakmem: ");
  message_quoted(&m, path);
  message_text(&m, " is cut off (install libunwind8 again): there are no stacks");
  message_error(&m);
}

enum unwind_opened unwind_open(void) {
  if (__atomic_load_n(&backtrace, __ATOMIC_ACQUIRE) != NULL) return UNWIND_OPEN;
  if (getauxval(AT_BASE) == 0) return UNWIND_MISSING; /* a statically linked program: dlopen would load a second C library, which knows no object */
  const char *path;
  void *library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL | RTLD_NOLOAD); /* the program may have loaded it, whatever became of the file */
  if (library == NULL && library_is_cut_off(LIBRARY, &path)) {
    say_cut_off(path);
    return UNWIND_REFUSED;
  }
  if (library == NULL) library = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
  if (library == NULL) return UNWIND_MISSING;
  int (*function)(void **, int);
  int (*set_policy)(unw_addr_space_t, unw_caching_policy_t);
  *(void **)&function = dlsym(library, NAME_OF(unw_backtrace));
  *(void **)&set_policy = dlsym(library, NAME_OF(unw_set_caching_policy));
  *(void **)&init_local = dlsym(library, NAME_OF(unw_init_local));
  *(void **)&init_context = dlsym(library, NAME_OF(unw_init_local2));
  *(void **)&step = dlsym(library, NAME_OF(unw_step));
  *(void **)&get_reg = dlsym(library, NAME_OF(unw_get_reg));
  *(void **)&get_proc_info = dlsym(library, NAME_OF(unw_get_proc_info));
  *(void **)&get_save_loc = dlsym(library, NAME_OF(unw_get_save_loc));
  unw_accessors_t *(*get_accessors)(unw_addr_space_t);
  *(void **)&get_accessors = dlsym(library, NAME_OF(unw_get_accessors));
  const unw_addr_space_t *local = dlsym(library, NAME_OF(unw_local_addr_space));
  if (function == NULL || set_policy == NULL || !(TAKE_REGISTERS) || init_local == NULL || init_context == NULL || step == NULL || get_reg == NULL ||
      get_proc_info == NULL || get_save_loc == NULL || local == NULL || get_accessors == NULL || !start_libunwind(get_accessors, *local) ||
      set_policy(*local, UNW_CACHE_NONE) != 0 || !map_sides())
    return UNWIND_MISSING;
  __atomic_store_n(&backtrace, function, __ATOMIC_RELEASE);
  return UNWIND_OPEN;
}

/* Not inlined: 2 KiB of stack, which are there only if unwind_capture found room. */
static NOINLINE uint32_t go_from_here(uintptr_t *frames, uint32_t most) {
  unw_context_t registers;
  (void)take_registers(&registers);
  return go_by_steps(&registers, frames, most);
}

NOINLINE uint32_t unwind_capture(uintptr_t *frames, uint32_t most, uint32_t epoch) {
  int (*function)(void **, int) = __atomic_load_n(&backtrace, __ATOMIC_ACQUIRE);
  if (function == NULL) return 0;
  if (fp_room((uintptr_t)__builtin_frame_address(0)) < ROOM) {
    struct side *side = take_side();
    if (side == NULL) return 0;
    side->work = capture_aside;
    side->frames = frames;
    side->most = most;
    side->count = 0;
    (void)take_registers(&side->registers);
    go_aside(side);
    const uint32_t count = side->count;
    give_side(side);
    return count;
  }
  if (cached_since == 0) cached_since = epoch + 1;
  if (!CACHE_IS_SAFE || cached_since != epoch + 1) return go_from_here(frames, most);
  const int count = function((void **)frames, (int)most);
  return count > 0 ? (uint32_t)count : 0;
}

/* ---- Single steps. ---- */

#if defined(__x86_64__)
/* The result of leaving a frame with these pointers. */
struct left {
  bool bare; /* without tables */
  int stepped;
  unw_word_t end, address;
  uintptr_t saved_at; /* 0: the frame pointer is in its register */
};

static bool leave(uintptr_t address, uintptr_t stack, uintptr_t frame, struct left *out) {
  unw_context_t context = {0};
  unw_cursor_t cursor;
  unw_proc_info_t info;
  unw_save_loc_t place;
  for (unsigned i = 0; i < REG_RIP; i++) context.uc_mcontext.gregs[i] = (greg_t)stack; /* a readable address, in case an expression follows it */
  context.uc_mcontext.gregs[REG_RIP] = (greg_t)address;
  context.uc_mcontext.gregs[REG_RSP] = (greg_t)stack;
  context.uc_mcontext.gregs[REG_RBP] = (greg_t)frame;
  /* Without tables libunwind guesses, and says that the function is one byte long, which none is that contains a call. */
  if (init_local(&cursor, &context) < 0) return false;
  if (get_proc_info(&cursor, &info) != 0) return false;
  out->bare = info.end_ip <= info.start_ip + 1;
  out->stepped = step(&cursor);
  if (out->stepped < 0) return false;
  if (get_reg(&cursor, UNW_REG_SP, &out->end) < 0 || get_reg(&cursor, UNW_REG_IP, &out->address) < 0 || get_save_loc(&cursor, UNW_X86_64_RBP, &place) < 0 ||
      place.type != UNW_SLT_MEMORY)
    return out->stepped == 0;
  const uintptr_t at = (uintptr_t)place.u.addr;
  out->saved_at = at - (uintptr_t)&context < sizeof(context) ? 0 : at;
  return true;
}

/*
 * The tables give the frame's end as an expression over the registers. Both pointers are moved, each by another length. If the end moves as far as
 * one of them, the expression is that pointer plus a constant. They are moved down, because the outermost frame may end at the stack's end.
 */
#define MOVE_STACK 16
#define MOVE_FRAME 32
#define MOVE_MOST 128

struct frame_asked {
  uintptr_t address, stack, pointer, high;
};

/* Whether the frame that was left ends on the stack, and the return address lies right below its end. */
static bool is_frame(const struct frame_asked *f, const struct left *left) {
  uintptr_t word;
  return left->end > f->stack && left->end <= f->high && word_at(left->end - sizeof(word), &word) && word == left->address;
}

static void find_step(const struct frame_asked *f, struct unwind_step *out) {
  struct left here = {0}, moved = {0};
  const bool left = leave(f->address, f->stack, f->pointer, &here);
  *out = (struct unwind_step){.from = here.bare ? STEP_NO_TABLES : STEP_OTHER, .is_frame = here.stepped > 0 && is_frame(f, &here)};
  if (!left || here.bare) return;
  if (here.stepped == 0) { /* no caller, or a return address of 0: then perhaps not everywhere */
    for (uintptr_t move = MOVE_STACK; move <= MOVE_MOST; move *= 2) {
      if (!leave(f->address, f->stack - move, f->pointer - move, &moved) || moved.stepped != 0) return;
    }
    out->from = STEP_END;
    return;
  }
  if (!out->is_frame) return;
  if (!leave(f->address, f->stack - MOVE_STACK, f->pointer - MOVE_FRAME, &moved)) return; /* its supposed return address may then be 0 */
  const uintptr_t by = here.end - moved.end;
  if ((by != MOVE_STACK && by != MOVE_FRAME) || (here.saved_at == 0) != (moved.saved_at == 0)) return;
  if (here.saved_at != 0 && (here.saved_at - moved.saved_at != by || here.saved_at >= here.end)) return;
  out->from = by == MOVE_STACK ? STEP_BY_STACK : STEP_BY_FRAME;
  out->size = here.end - (by == MOVE_STACK ? f->stack : f->pointer);
  out->saved = here.saved_at != 0 ? here.end - here.saved_at : 0;
}

static void step_aside(struct side *side) {
  find_step(side->asked, side->step);
  side->answered = true;
}

bool unwind_step(uintptr_t address, uintptr_t stack, uintptr_t frame, uintptr_t high, struct unwind_step *out) {
  const struct frame_asked asked = {address, stack, frame, high};
  if (fp_room((uintptr_t)__builtin_frame_address(0)) >= ROOM) {
    find_step(&asked, out);
    return true;
  }
  struct side *side = take_side();
  if (side == NULL) return false;
  side->work = step_aside;
  side->asked = &asked;
  side->step = out;
  side->answered = false;
  go_aside(side);
  const bool answered = side->answered;
  give_side(side);
  return answered;
}
#else
bool unwind_step(uintptr_t address, uintptr_t stack, uintptr_t frame, uintptr_t high, struct unwind_step *out) {
  (void)address, (void)stack, (void)frame, (void)high, (void)out;
  return false;
}
#endif

/* ---- Registers, and the frames of a signal. ---- */

#if defined(__x86_64__)
static const unw_regnum_t kept[] = {UNW_X86_64_RBX, UNW_X86_64_RBP, UNW_X86_64_R12, UNW_X86_64_R13, UNW_X86_64_R14, UNW_X86_64_R15};
#elif defined(__aarch64__)
static const unw_regnum_t kept[] = {UNW_AARCH64_X19, UNW_AARCH64_X20, UNW_AARCH64_X21, UNW_AARCH64_X22, UNW_AARCH64_X23, UNW_AARCH64_X24,
                                    UNW_AARCH64_X25, UNW_AARCH64_X26, UNW_AARCH64_X27, UNW_AARCH64_X28, UNW_AARCH64_X29};
#else
static const unw_regnum_t kept[] = {UNW_REG_SP};
#endif

uint32_t unwind_registers(bool (*is_wanted)(uintptr_t address), uintptr_t *stack_pointer, uintptr_t registers[UNWIND_REGISTERS]) {
  static_assert(ARRAY_LENGTH(kept) <= UNWIND_REGISTERS, "each has a place");
  unw_context_t context;
  unw_cursor_t cursor;
  unw_word_t address, value;
  if (__atomic_load_n(&backtrace, __ATOMIC_ACQUIRE) == NULL || fp_room((uintptr_t)__builtin_frame_address(0)) < ROOM) return 0;
  (void)take_registers(&context);
  if (init_local(&cursor, &context) < 0) return 0;
  while (step(&cursor) > 0 && get_reg(&cursor, UNW_REG_IP, &address) >= 0) {
    if (!is_wanted(address)) continue;
    if (get_reg(&cursor, UNW_REG_SP, &value) < 0) return 0;
    *stack_pointer = value;
    for (uint32_t i = 0; i < ARRAY_LENGTH(kept); i++) registers[i] = get_reg(&cursor, kept[i], &value) >= 0 ? value : 0;
    return ARRAY_LENGTH(kept);
  }
  return 0;
}

uint32_t unwind_context(void *context, uintptr_t *frames, uint32_t most) {
  unw_cursor_t cursor;
  unw_word_t address;
  if (most == 0 || init_context(&cursor, context, UNW_INIT_SIGNAL_FRAME) < 0 || get_reg(&cursor, UNW_REG_IP, &address) < 0) return 0;
  frames[0] = address + 1; /* a frame is a return address; the text shows the byte before it */
  return go_on(&cursor, frames, 1, most);
}
