/*
 * blackbox.c: the words around the line of a header reset. Before it: the verdict. Behind it: where the block lies, the bytes on both sides of
 * its header, and the stacks. Signal safe. It reads only inside the block's slab, and only readable memory.
 */
#include <dlfcn.h>
#include <link.h>

#include "src/platform/config.h"
#include "src/modes/guard.h"
#include "src/modes/modes.h"
#include "src/memory/maps.h"
#include "src/memory/os.h"
#include "src/checks/records.h"
#include "src/checks/view.h"
#include "stacks/frames.h"
#include "statistics/stats.h"
#include "blackbox.h"

#define ROW 16
#define ROWS 2 /* before the block's start, and after it */

/*
 * %b the pointer, %B the block with its size if that is known, %l the left neighbour, %n how many bytes fit the pattern, %t the size that the
 * caller passed, %a the access and its distance in bytes, %m and %g the functions that allocated and freed, %o what was found in place of the link.
 */
static const char *const sentences[] = {
  [HDR_UNKNOWN] = "overwritten header of the block at %b: its bytes fit no known pattern",
  [HDR_DOUBLE_FREE] = "double free of %B",
  [HDR_OFF_BY_ONE_NUL] = "buffer overflow: a NUL, probably the end of a string, one byte past the end of %l",
  [HDR_OVERRUN_TEXT] = "buffer overflow: text past the end of %l%n",
  [HDR_OVERRUN_FILL] = "buffer overflow: one byte repeated past the end of %l%n",
  [HDR_MISROUTED] = "wrong header of the block at %b: the header of another size class was copied or written there",
  [HDR_INVALID_POINTER] = "invalid pointer %b: it points into hakmem's memory, where no block begins",
  [HDR_WRITE_AFTER_FREE] = "write after free, into the block at %b or the one before it in the free list",
  [HDR_OVERRUN_POINTER] = "buffer overflow: a pointer over the last byte, which is hakmem's, of %l%n",
  [HDR_OVERRUN_COPY] = "buffer overflow: a copy or an array of equal elements past the end of %l%n",
  [HDR_STACK_POINTER] = "invalid pointer %b: it points to a stack",
  [HDR_STATIC_POINTER] = "invalid pointer %b: it points to static data or code",
  [HDR_INTERIOR_POINTER] = "invalid pointer %b: it points into a block, not to its start",
  [HDR_FOREIGN_POINTER] = "invalid pointer %b: hakmem did not map that memory",
  [HDR_UNMAPPED_POINTER] = "invalid pointer %b: no memory is mapped there",
  [HDR_REALLOC_AFTER_FREE] = "realloc after free of %B; realloc refused it",
  [HDR_USABLE_SIZE_AFTER_FREE] = "malloc_usable_size after free of %B",
  [HDR_WRONG_SIZE] = "wrong size in a sized free of %B: the caller passed %t bytes",
  [HDR_OVERFLOW] = "buffer overflow: %a past the end of %B",
  [HDR_UNDERFLOW] = "buffer underflow: %a before the start of %B",
  [HDR_USE_AFTER_FREE] = "use after free: %a into %B",
  [HDR_OVERWRITTEN_LINK] = "write after free, into the block at %b: the link that hakmem keeps in a free block was overwritten%o",
  [HDR_MISMATCHED_FREE] = "mismatched free of %B: allocated by %m, freed by %g; pair malloc with free, new with delete, new[] with delete[]",
};
static_assert(ARRAY_LENGTH(sentences) == hdr_verdict_count, "every verdict has a sentence");

static const char *const makers[] = {"an unknown function", "malloc", "new", "new[]"};
static const char *const givers[] = {"an unknown function", "free or realloc", "delete", "delete[]"};
static_assert(ARRAY_LENGTH(makers) == block_family_count && ARRAY_LENGTH(givers) == block_family_count, "every family has its words");

static void put_bytes(struct message *m, uint64_t bytes) {
  message_number(m, bytes);
  message_text(m, bytes == 1 ? " byte" : " bytes");
}

/* The access, and its distance from the block's end or start. */
static void put_access(struct message *m, const struct event_hdr_reset *e) {
  if (e->way == ACCESS_UNSEEN) {
    message_text(m, e->over != 0 ? "a write up to " : "a write");
    if (e->over == 0) return;
  } else {
    message_text(m, e->way == ACCESS_READ ? "a read at " : e->way == ACCESS_WRITE ? "a write at " : "an access at ");
    message_pointer(m, (uintptr_t)e->access);
    message_text(m, ", ");
  }
  put_bytes(m, e->over);
}

/* Of the secure mode, which has found a write over a border. The event has the slab because the size is lost. */
static bool is_border_lost(const struct event_hdr_reset *e) { return e->verdict == HDR_OVERFLOW && e->size == 0 && e->slab != NULL && e->cls < CLASS_COUNT; }

/* The verdicts of the debugging mode, of guard pages and of borders know the requested size, unless the event has the slab; with these, 0 is one, too. */
static void put_sized_block(struct message *m, const struct event_hdr_reset *e, enum hdr_verdict verdict) {
  const bool sized = verdict == HDR_OVERFLOW || verdict == HDR_UNDERFLOW || verdict == HDR_USE_AFTER_FREE || verdict == HDR_MISMATCHED_FREE;
  message_text(m, "a ");
  if (e->size != 0 || (sized && e->slab == NULL)) {
    message_number(m, e->size);
    message_text(m, "-byte ");
  }
  message_text(m, "block ");
  if (is_border_lost(e)) {
    message_text(m, "of at most ");
    put_bytes(m, modes_bordered(class_stride(e->cls)));
    message_text(m, " ");
  }
  message_text(m, "at ");
  message_pointer(m, (uintptr_t)e->base);
  if (is_border_lost(e)) message_text(m, "; it overwrote the border, which has the size");
}

void blackbox_put_verdict(struct message *m, const struct event_hdr_reset *e) {
  /* A known size means that the debugging mode found the write, and it knows the block for sure. */
  const enum hdr_verdict verdict = e->verdict == HDR_WRITE_AFTER_FREE && e->size != 0 ? HDR_USE_AFTER_FREE : e->verdict;
  for (const char *s = sentences[verdict]; *s != '\0'; s++) {
    if (*s != '%') {
      message_text(m, (const char[]){*s, '\0'});
      continue;
    }
    switch (*++s) {
      case 'b': message_pointer(m, (uintptr_t)e->base); break;
      case 'B': put_sized_block(m, e, verdict); break;
      case 't': message_number(m, e->told); break;
      case 'm': message_text(m, makers[e->made]); break;
      case 'g': message_text(m, givers[e->given]); break;
      case 'a': put_access(m, e); break;
      case 'o':
        if (config.redact != 0) break;
        message_text(m, " by ");
        message_pointer(m, (uintptr_t)e->word);
        break;
      case 'l':
        message_text(m, e->left != NULL ? "the block at " : "the memory before the slab's first block");
        if (e->left != NULL) message_pointer(m, (uintptr_t)e->left);
        break;
      default:
        if (e->over == 0) break;
        message_text(m, " (");
        put_bytes(m, e->over);
        message_text(m, e->over == 1 ? " fits the pattern)" : " fit the pattern)");
    }
  }
}

static const char *const states[] = {
  [VIEW_LIVE] = "live", [VIEW_FREE] = "free", [VIEW_BROKEN] = "one with a broken header, too", [VIEW_UNREADABLE] = "unreadable"};

static void put_block(struct message *m, const struct event_hdr_reset *e, const struct slab_view *slab) {
  const bool small = slab->cls < CLASS_COUNT;
  const char *block = small ? view_block(slab, e->base) : slab->base;
  message_text(m, "\n  in a slab at ");
  message_pointer(m, (uintptr_t)slab->base);
  message_text(m, ", offset ");
  message_number(m, e->offset);
  if (block == NULL) {
    message_text(m, (const char *)e->base < slab->first ? ": before its first block" : ": behind its last block");
    return;
  }
  message_text(m, small ? "; blocks of " : "; one block of ");
  message_number(m, slab->bytes);
  message_text(m, " bytes");
  if (block != e->base) {
    message_text(m, "; ");
    message_number(m, (uint64_t)((const char *)e->base - block));
    message_text(m, " bytes into block ");
    message_pointer(m, (uintptr_t)block);
    if (small) {
      message_text(m, ", which is ");
      message_text(m, states[view_header(slab, block)]);
    }
  }
  if (e->left == NULL) return;
  message_text(m, "; the left neighbour ");
  message_pointer(m, (uintptr_t)e->left);
  message_text(m, " is ");
  message_text(m, states[view_header(slab, e->left)]);
}

/* For a pointer into the region of guarded blocks that is not a block: the nearest block. */
static void put_guarded(struct message *m, const void *p) {
  struct record block;
  if (!guard_find(p, &block) || p == block.block) return;
  const intptr_t in = (const char *)p - (const char *)block.block;
  message_text(m, "\n  in the region of guarded blocks; the nearest block, ");
  message_pointer(m, (uintptr_t)block.block);
  message_text(m, block.freed ? ", is freed and had " : ", is live and has ");
  put_bytes(m, block.requested);
  message_text(m, "; it begins ");
  put_bytes(m, (uint64_t)(in > 0 ? in : -in));
  message_text(m, in > 0 ? " before the pointer" : " behind the pointer");
}

/* For a pointer into no slab: the mapping and the object around it. */
static void put_region(struct message *m, const void *p) {
  struct maps_region region;
  if (maps_find((uintptr_t)p, &region) != MAPS_FOUND) return;
  message_text(m, "\n  in the mapping ");
  message_pointer(m, region.start);
  message_text(m, " to ");
  message_pointer(m, region.end);
  message_text(m, region.executable ? ", code" : "");
  message_text(m, region.path[0] != '\0' ? " of " : ", of no file");
  message_quoted(m, region.path);
  struct dl_find_object object;
  if (_dl_find_object((void *)(uintptr_t)p, &object) != 0) return;
  message_text(m, "; offset ");
  message_pointer(m, (uintptr_t)p - object.dlfo_link_map->l_addr);
  message_text(m, " of ");
  message_quoted(m, object.dlfo_link_map->l_name[0] != '\0' ? object.dlfo_link_map->l_name : "the program");
}

/*
 * The bytes to show: those in [start, end). The byte at `mark` stands in brackets, with the value `got`: the core may have put the header right
 * already.
 */
struct window {
  const char *start, *end, *mark; /* mark NULL: none */
  uint8_t got;
};

static void put_row(struct message *m, const char *at, const struct window *w) {
  const char *start = at < w->start ? w->start : at, *end = at + ROW < w->end ? at + ROW : w->end;
  uint8_t byte[ROW];
  if (config.redact != 0 || start >= end || !maps_read(byte, start, (size_t)(end - start))) return;
  message_text(m, "\n    ");
  message_pointer(m, (uintptr_t)at);
  message_text(m, " ");
  for (const char *p = at; p < end; p++) {
    static const char digit[] = "0123456789abcdef";
    if (p < start) {
      message_text(m, "   ");
      continue;
    }
    const bool marked = p == w->mark;
    const uint8_t value = marked ? w->got : byte[p - start];
    message_text(m, (const char[]){marked ? '[' : ' ', digit[value >> 4], digit[value & 15], marked ? ']' : '\0', '\0'});
    byte[p - start] = value;
  }
  message_text(m, "  |");
  for (const char *p = start; p < end; p++) {
    const uint8_t c = byte[p - start];
    message_text(m, (const char[]){c >= ' ' && c < 0x7f ? (char)c : '.', '\0'});
  }
  message_text(m, "|");
}

/* The bytes that the program wrote around or into a block of the debugging mode. */
static void put_damage(struct message *m, const struct event_hdr_reset *e) {
  const char *const base = e->base, *const end = base + e->size;
  const char *mark = e->verdict == HDR_OVERFLOW ? end + e->over - 1 : e->verdict == HDR_UNDERFLOW ? base - e->over : base + e->over - 1;
  const struct window w = {base - config.redzone, end + config.redzone, mark, e->got};
  const char *at = base + ((mark - base) & ~(ptrdiff_t)(ROW - 1));
  for (int row = -ROWS; row < ROWS; row++) put_row(m, at + row * ROW, &w);
}

/* "  allocated at 0.1 s by thread 5, stack 7", and its frames. Frames can be long, so each stack is a message of its own. */
static void send_moment(struct message *m, const char *what, uint64_t now_ms, uint64_t ago_ms, uint32_t thread, uint32_t stack, int (*send)(struct message *)) {
  if (thread == 0) return;
  message_text(m, "  ");
  message_text(m, what);
  message_text(m, " at ");
  message_fixed(m, now_ms > ago_ms ? now_ms - ago_ms : 0, 3);
  message_text(m, " s by thread ");
  message_number(m, thread);
  if (stack != 0) {
    message_text(m, ", stack ");
    message_number(m, stack);
    frames_put(m, stack);
  }
  send(m);
}

void blackbox_send(struct message *m, const struct event_hdr_reset *e, int (*send)(struct message *)) {
  struct slab_view slab;
  if (e->slab != NULL && view_of(e->slab, &slab) && slab.base == e->slab) {
    put_block(m, e, &slab);
    const char *const base = (const char *)e->base + (is_border_lost(e) ? modes_bordered(class_stride(e->cls)) & ~(size_t)(ROW - 1) : 0);
    const struct window w = {slab.base, slab.base + slab.size, e->expect != 0 ? base - 1 : NULL, e->got};
    for (int row = -ROWS; row < ROWS; row++) put_row(m, base + row * ROW, &w);
  } else if (guard_owns(e->base)) {
    put_guarded(m, e->base);
    if (e->over != 0 && e->way == ACCESS_UNSEEN) put_damage(m, e);
  } else if (e->size != 0) {
    if (e->over != 0 && e->way == ACCESS_UNSEEN) put_damage(m, e);
  } else if (e->verdict != HDR_DOUBLE_FREE && e->verdict != HDR_REALLOC_AFTER_FREE && e->verdict != HDR_USABLE_SIZE_AFTER_FREE) {
    put_region(m, e->base);
  }
  if (e->lost != 0) {
    message_text(m, "\n  ");
    message_number(m, e->lost);
    message_text(m, e->lost == 1 ? " free block, to which only its link led, is abandoned" : " free blocks, to which only its link led, are abandoned");
  }
  if (e->found == FOUND_AT_END) message_text(m, "\n  found by the check of all blocks at the end of the process; the program did not free this block");
  if (e->checked_ago != 0) {
    message_text(m, "\n  written between the check ");
    message_number(m, e->checked_ago);
    message_text(m, e->checked_ago == 1 ? " allocation ago and now" : " allocations ago and now");
    if (e->found == FOUND_BY_CHECK) message_text(m, "; found by a check, not by a call that was given the block");
  }
  const uint64_t now_ms = stats_elapsed_ns() / 1000000;
  if (e->good_thread != 0) {
    message_text(m, "\n  its header was last seen good at ");
    message_fixed(m, now_ms > e->good_ago_ms ? now_ms - e->good_ago_ms : 0, 3);
    message_text(m, " s by thread ");
    message_number(m, e->good_thread);
    message_text(m, ", when a list was drained");
  }
  send(m);
  send_moment(m, "found", now_ms, 0, os_thread(), e->stack, send);
  send_moment(m, "freed", now_ms, e->free_ago_ms, e->free_thread, e->free_stack, send);
  send_moment(m, "allocated", now_ms, e->alloc_ago_ms, e->alloc_thread, e->alloc_stack, send);
  if (e->left_stack == 0) return;
  message_text(m, "  the left neighbour was allocated at stack ");
  message_number(m, e->left_stack);
  frames_put(m, e->left_stack);
  send(m);
}
