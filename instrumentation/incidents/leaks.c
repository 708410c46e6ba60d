/*
 * leaks.c: HAKMEM_LEAKS: the blocks that are live at the end of the process, which of them are still reachable, and where they were allocated.
 *
 * The roots are the words in these places:
 *   - the registers and the stack of the function that ends the process. The C library's frames between it and this file hold only stale words;
 *   - the stacks of the other threads, from their stack pointers on;
 *   - all other memory that is writable or anonymous, and private: static data, thread-local storage, the program's own mappings.
 * Not hakmem's own memory, and not the stacks of ended threads, which the C library keeps. Other threads are not stopped.
 */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "src/platform/config.h"
#include "src/events.h"
#include "src/memory/maps.h"
#include "src/platform/message.h"
#include "src/memory/os.h"
#include "src/modes/reach.h"
#include "src/platform/syscall.h"
#include "src/checker_hooks.h"
#include "src/probe.h"
#include "base/gate.h"
#include "base/inside.h"
#include "base/log_file.h"
#include "statistics/stats.h"
#include "stacks/frames.h"
#include "stacks/stacks.h"
#include "stacks/unwind.h"
#include "leaks.h"

#define THREADS_MAX 4096
#define TASKS "/proc/self/task"
#define CONTROL_BLOCK (8 * KIB) /* it lies within this distance from its stack's end */
#define CONTROL_BLOCK_ALIGNMENT 64

/* ---- The threads' stacks. ---- */

static struct {
  uintptr_t pointer[THREADS_MAX + 1]; /* + 1: the calling thread */
  uint32_t count;
  bool whole; /* the stack pointers of all threads are known */
} stacks BULK;

/* Parses "NUMBER ARGUMENTS... STACK_POINTER PROGRAM_COUNTER", which a waiting thread has. The other form is "running". */
static bool parse_pointer(char *text, uintptr_t *pointer) {
  char *last = strrchr(text, ' ');
  if (last == NULL) return false;
  *last = '\0';
  last = strrchr(text, ' ');
  if (last == NULL || strncmp(last, " 0x", 3) != 0) return false;
  uintptr_t value = 0;
  for (const char *p = last + 3; *p != '\0'; p++) value = value << 4 | (uintptr_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
  *pointer = value;
  return true;
}

/* False if the thread has ended: the first one stays in the folder until the process ends. */
static bool add_thread(const char *name) {
  char path[64], text[256];
  uintptr_t pointer;
  struct message m;
  message_start(&m);
  message_text(&m, TASKS "/");
  message_text(&m, name);
  message_text(&m, "/syscall");
  memcpy(path, m.text, min_size(m.length, sizeof(path) - 1));
  path[min_size(m.length, sizeof(path) - 1)] = '\0';
  struct own_file file = file_open_briefly(path);
  const ssize_t length = file_read_at(&file, text, sizeof(text) - 1, 0);
  file_close(&file);
  text[length > 0 ? length : 0] = '\0';
  if (stacks.count < THREADS_MAX && parse_pointer(text, &pointer)) {
    if (pointer == 0) return false;
    stacks.pointer[stacks.count++] = pointer;
  } else {
    stacks.whole = false;
  }
  return true;
}

struct entry {
  uint64_t inode, offset;
  unsigned short length;
  unsigned char type;
  char name[];
}; /* the layout of getdents64 */

/* Fills `stacks` with the stacks of the other threads. Returns the number of these threads. */
static uint32_t find_threads(void) {
  _Alignas(struct entry) char entries[1024];
  uint32_t others = 0;
  stacks.whole = true;
  struct own_file tasks = file_open_briefly(TASKS);
  if (tasks.number < 0) stacks.whole = false;
  for (long size; file_is_own(&tasks, NULL) && (size = sys_call(SYS_getdents64, tasks.number, (long)entries, sizeof(entries), 0, 0, 0)) > 0;) {
    for (const char *at = entries; at < entries + size; at += ((const struct entry *)at)->length) {
      const struct entry *e = (const struct entry *)at;
      uint64_t thread = 0;
      for (const char *p = e->name; *p != '\0'; p++) thread = thread * 10 + (uint64_t)(*p - '0');
      if (e->name[0] == '.' || thread == os_thread()) continue;
      others += add_thread(e->name);
    }
  }
  file_close(&tasks);
  return others;
}

/*
 * The control block of an ended thread if the mapping is that thread's stack, else 0. The C library keeps some stacks for later threads, with
 * control block and thread-local storage. The block begins with its own address, holds it once more, and holds the process's stack guard. The
 * kernel may have merged the stack with a mapping above it, but not below: the guard pages lie there.
 */
static uintptr_t left_control_block(const struct maps_region *region, bool guarded_below) {
#if defined(__x86_64__)
  static uintptr_t words[CONTROL_BLOCK / sizeof(uintptr_t)] BULK; /* static: the thread's own stack may be small */
  enum { self = 0, threads_vector = 1, self_again = 2, stack_guard = 5, step = CONTROL_BLOCK_ALIGNMENT / sizeof(*words) };
  uintptr_t guard;
  __asm__("mov %%fs:%c1, %0" : "=r"(guard) : "i"(stack_guard * sizeof(*words)));
  if (!stacks.whole) return 0;
  uintptr_t start = guarded_below ? region->start : region->end - min_size(sizeof(words), region->end - region->start);
  for (size_t size; start < region->end; start += size) {
    size = reach_untouched(start);
    if (size != 0) continue;
    size = min_size(sizeof(words), region->end - start);
    if (!maps_read(words, (void *)start, size)) return 0;
    for (size_t i = 0; i < size / sizeof(*words); i += step) {
      const uintptr_t at = start + i * sizeof(*words);
      if (words[i + self] == at && words[i + self_again] == at && words[i + threads_vector] != 0 && words[i + stack_guard] == guard) return at;
    }
  }
#endif
  (void)region, (void)guarded_below;
  return 0;
}

/* ---- The roots. ---- */

static struct dl_find_object library; /* libhakmem.so, unless it is part of the program */

/* `context`: the end of the unreadable region before this one. */
static bool read_region(const struct maps_region *region, void *context) {
  uintptr_t *unreadable_end = context;
  const bool guarded_below = region->start == *unreadable_end && !os_is_guard(region->start - os_page_size()); /* hakmem's tables have guards, too */
  if (!region->readable) *unreadable_end = region->end;
  const bool is_file = region->path[0] != '\0' && region->path[0] != '[';
  if (!region->readable || region->shared || (!region->writable && is_file) || strcmp(region->path, "[vvar]") == 0) return false;
  uintptr_t start = region->end;
  for (uint32_t i = 0; i < stacks.count; i++) {
    if (stacks.pointer[i] >= region->start && stacks.pointer[i] < start) start = stacks.pointer[i];
  }
  if (start == region->end) {
    const uintptr_t left = is_file ? 0 : left_control_block(region, guarded_below);
    start = left != 0 ? left : region->start;
  }
  const uintptr_t ours = (uintptr_t)library.dlfo_map_start, behind = (uintptr_t)library.dlfo_map_end;
  reach_from(start, min_size(region->end, max_size(ours, start)));
  reach_from(max_size(start, behind), region->end);
  return false;
}

/* ---- The report. ---- */

void leaks_start(void) {
  if (hub_checked) message_say("HAKMEM_LEAKS: no report under Valgrind; its own leak check (--leak-check=full) covers hakmem's blocks");
}

struct place {
  uint64_t bytes, blocks;
};
static struct place total[leak_kind_count];
static struct place *places; /* by kind and stack */

static void add(enum leak_kind kind, size_t bytes, uint32_t stack) {
  struct place *place = &places[kind * (STACK_IDS + 1) + stack];
  place->bytes += bytes;
  place->blocks++;
  total[kind].bytes += bytes;
  total[kind].blocks++;
}

static void put_place(struct message *m, const char *before, const struct place *place) {
  message_text(m, before);
  message_number(m, place->bytes);
  message_text(m, place->bytes == 1 ? " byte in " : " bytes in ");
  message_number(m, place->blocks);
  message_text(m, place->blocks == 1 ? " block" : " blocks");
}

/* Reports the places of one kind, at most `most_places`, those with most bytes first. */
static void say_places(struct message *m, enum leak_kind kind, const char *word, unsigned most_places) {
  struct place *of_kind = &places[kind * (STACK_IDS + 1)], rest = total[kind];
  for (unsigned n = 0; n < most_places && rest.blocks > 0; n++) {
    uint32_t most = 0;
    for (uint32_t id = 0; id <= STACK_IDS; id++) {
      if (of_kind[id].bytes > of_kind[most].bytes || of_kind[most].blocks == 0) most = id;
    }
    message_text(m, "  ");
    put_place(m, word, &of_kind[most]);
    message_text(m, most != 0 ? ", allocated at stack " : ", allocated where no stack is known");
    if (most != 0) message_number(m, most);
    frames_put(m, most);
    log_send(m);
    EVENT(leak, .kind = kind, .bytes = of_kind[most].bytes, .blocks = of_kind[most].blocks, .stack = most);
    rest.bytes -= of_kind[most].bytes;
    rest.blocks -= of_kind[most].blocks;
    of_kind[most] = (struct place){0};
  }
  if (rest.blocks == 0) return;
  message_text(m, "  ");
  put_place(m, word, &rest);
  message_text(m, ", allocated at other stacks");
  log_send(m);
  EVENT(leak, .kind = kind, .bytes = rest.bytes, .blocks = rest.blocks, .stack = 0);
}

static void say_all(uint32_t others) {
  struct message m;
  message_start(&m);
  if (total[LEAK_LOST].blocks == 0) {
    message_text(&m, "[LEAKS] nothing is lost");
  } else {
    put_place(&m, "[LEAKS] lost: ", &total[LEAK_LOST]);
    put_place(&m, "; lost with them: ", &total[LEAK_INDIRECT]);
  }
  put_place(&m, "; reachable: ", &total[LEAK_REACHABLE]);
  if (others != 0) {
    message_text(&m, "; ");
    message_number(&m, others);
    message_text(&m, others == 1 ? " other thread went on meanwhile" : " other threads went on meanwhile");
  }
  log_send(&m);
  say_places(&m, LEAK_LOST, "lost: ", 20);
  say_places(&m, LEAK_INDIRECT, "lost with others: ", 10);
  say_places(&m, LEAK_REACHABLE, "reachable: ", 10);
}

/* ---- The whole check. ---- */

static bool is_of(const struct dl_find_object *object, uintptr_t address) {
  return address - (uintptr_t)object->dlfo_map_start < (uintptr_t)object->dlfo_map_end - (uintptr_t)object->dlfo_map_start;
}

static struct dl_find_object loader, c_library;

/* True from the first frame of the program on. Before it come our own frames, then those of the loader and the C library that end a process. */
static bool is_program(uintptr_t address) {
  static bool left_ours;
  if (!is_of(&loader, address) && !is_of(&c_library, address)) return left_ours;
  left_ours = true;
  return false;
}

/* The stack pointer of the function that ends the process. Its registers become roots. */
static uintptr_t own_stack(void) {
  uintptr_t registers[UNWIND_REGISTERS], pointer = (uintptr_t)__builtin_frame_address(0);
  _dl_find_object((void *)getauxval(AT_BASE), &loader);
  _dl_find_object((void *)(uintptr_t)exit, &c_library);
  uint32_t count = 0;
  if (gate_ask()) {
    count = unwind_registers(is_program, &pointer, registers);
    gate_ask_end();
  }
  reach_from((uintptr_t)registers, (uintptr_t)(registers + count));
  return pointer;
}

/* In a frame below leaks_report: the registers lie in the frame of leaks_report. */
static NOINLINE void report(void) {
  int error;
  if (_dl_find_object((void *)(uintptr_t)leaks_report, &library) != 0 || library.dlfo_link_map->l_name[0] == '\0') {
    memset(&library, 0, sizeof(library));
  }
  places = os_map(align_up(leak_kind_count * (STACK_IDS + 1) * sizeof(*places), os_page_size()), os_page_size(), &error);
  const uint32_t others = find_threads();
  if (places == NULL || !reach_begin(others == 0)) {
    message_say("HAKMEM_LEAKS: no report: out of memory, or the system does not let a process read itself (process_vm_readv)");
    return;
  }
  if (!os_own_is_whole()) message_say("HAKMEM_LEAKS: too many mappings to tell which are hakmem's; the report may miss lost blocks");
  stacks.pointer[stacks.count++] = own_stack();
  uintptr_t unreadable_end = 0;
  if (!maps_each(read_region, &unreadable_end)) {
    message_say("HAKMEM_LEAKS: no report: cannot read /proc/self/maps");
    return;
  }
  if (others != 0) {
    maps_each(read_region, &unreadable_end);
    reach_again();
  }
  reach_end(add);
  stats_block()->leaks_checked = 1;
  say_all(others);
}

NOINLINE void leaks_report(void) {
  const int saved = errno, cancellation = cancellation_hold();
  __builtin_unwind_init(); /* puts the callee-saved registers on the stack */
  report();
  cancellation_restore(cancellation);
  errno = saved;
}
