/*
 * stacks.h: what the data say by call site, each with its stack of functions: the common ground of pprof, collapsed stacks, speedscope and DHAT.
 *
 * The live heap is that of HAKMEM_PROFILE (its last moment); of a process without it, that of HAKMEM_LEAKS. The allocations are those of a trace. All
 * processes of the page come one after the other: a forked child has its parent's live blocks as well as its own.
 */
#ifndef HAKMEM_TOOLS_STACKS_H
#define HAKMEM_TOOLS_STACKS_H

#include "export.h"

/* A function at an address. Strings are as the program names them: to be escaped. */
struct frame {
  char *function;                    /* demangled; of an unknown one its module and offset, or its address */
  const char *file;                  /* NULL: unknown */
  int line;                          /* 0: unknown */
  uint64_t address;                  /* 0: no address, as of "(other sites)" */
  bool inlined;                      /* into the next frame, which has the same address */
  const struct model_module *module; /* NULL: unknown */
};

/* Frames from the innermost outwards; never empty. Those of the allocator are left out. */
struct sample {
  const struct model_process *process;
  struct frame *frames;
  size_t count, capacity;
  uint32_t stack;
  uint64_t value[VALUE_COUNT];
};

struct samples {
  struct sample *list;
  size_t count, capacity;
  bool has[VALUE_COUNT]; /* the data have this value */
  struct symbols_of {
    const struct model_process *process;
    struct symbolizer *symbolizer;
  } * symbols; /* the frames' strings are theirs */
  size_t symbols_count, symbols_capacity;
};

/* False, with a failure that says how to get them, if the page has no call sites, or not the value `needed` (VALUE_COUNT: any will do). */
bool samples_collect(struct samples *s, const struct page *page, enum export_value needed);
/* The same for one process; 0: all. */
bool samples_collect_of(struct samples *s, const struct page *page, enum export_value needed, uint32_t pid);
void samples_free(struct samples *s);

/* "main;parse;copy_name": the frames from the outermost on, each escaped; a ';' in a name becomes ':'. The caller frees it. */
char *sample_folded(const struct sample *sample);

extern const char *const export_value_name[VALUE_COUNT], *const export_value_unit[VALUE_COUNT];

/* "2 processes: 123 (redis-server), 124 (sh)": what is added up; names are escaped. The caller frees it. */
char *processes_text(const struct page *page);

#endif
