/*
 * blackbox.c: what stands behind the line of a header reset: the verdict in plain words, where the block lies, and the bytes on both
 * sides of its header. Signal safe. Reads only inside the block's slab, and there only what can be read.
 */
#include <dlfcn.h>
#include <link.h>

#include "src/platform/config.h"
#include "src/modes/guard.h"
#include "src/memory/maps.h"
#include "src/memory/os.h"
#include "src/checks/records.h"
#include "src/checks/view.h"
#include "stacks/frames.h"
#include "statistics/stats.h"
#include "blackbox.h"

#define ROW 16
#define ROWS 2 /* before the block, and from it on */

/*
 * The words are built from a few pieces: %b the block, %l its left neighbour, %n how many bytes, %t the size that was told, %a what was done
 * and how many bytes off, %s the block's size, %m and %g by what it was made and given back.
 */
static const char *const sentences[] = {
  [HDR_UNKNOWN] = "something wrote over the header of block %b; no pattern tells what",
  [HDR_DOUBLE_FREE] = "block %b was freed before: this is the second free",
  [HDR_OFF_BY_ONE_NUL] = "a NUL, most likely the end of a string, was written one byte past the end of %l",
  [HDR_OVERRUN_TEXT] = "text ran past the end of %l%n",
  [HDR_OVERRUN_FILL] = "%l was filled past its end with one byte again and again%n",
  [HDR_MISROUTED] = "the header of %b is that of another size of block: one such block's header was copied or written here",
  [HDR_INVALID_POINTER] = "%b is not a block: it points into hakmem's memory where no block begins",
  [HDR_WRITE_AFTER_FREE] = "block %b, or the one before it in the list, was written to after it was freed",
  [HDR_OVERRUN_POINTER] = "a pointer was written to the very end of %l, whose last byte is not the program's%n",
  [HDR_OVERRUN_COPY] = "a copy or an array of equal elements ran past the end of %l%n",
  [HDR_STACK_POINTER] = "%b is not a block: it lies on a stack",
  [HDR_STATIC_POINTER] = "%b is not a block: it is static data or code",
  [HDR_INTERIOR_POINTER] = "%b is not a block: it points into one",
  [HDR_FOREIGN_POINTER] = "%b is not a block: that memory was mapped by somebody else",
  [HDR_UNMAPPED_POINTER] = "%b is not a block: there is no memory at that address",
  [HDR_REALLOC_AFTER_FREE] = "block %b was freed before, and then given to realloc, which refused it",
  [HDR_USABLE_SIZE_AFTER_FREE] = "block %b was freed before, and then given to malloc_usable_size",
  [HDR_WRONG_SIZE] = "block %b was given to a sized free with a size that it does not have: %t bytes",
  [HDR_OVERFLOW] = "%a past the end of block %b%s",
  [HDR_UNDERFLOW] = "%a before the start of block %b%s",
  [HDR_USE_AFTER_FREE] = "%a into block %b%s, which was freed",
  [HDR_MISMATCHED_FREE] = "block %b%s was made by %m, and given back by %g: malloc goes with free, new with delete, new[] with delete[]",
};
static_assert(ARRAY_LENGTH(sentences) == hdr_verdict_count, "every verdict has a sentence");

static const char *const makers[] = {"something unknown", "malloc", "new", "new[]"};
static const char *const givers[] = {"something unknown", "free or realloc", "delete", "delete[]"};
static_assert(ARRAY_LENGTH(makers) == block_family_count && ARRAY_LENGTH(givers) == block_family_count, "every family has its words");

/* What was done, and how far from the block's end or start. */
static void put_access(struct message *m, const struct event_hdr_reset *e) {
  if (e->way == ACCESS_UNSEEN) {
    message_text(m, e->over != 0 ? "something was written up to " : "something was written ");
    if (e->over == 0) return;
  } else {
    message_text(m, e->way == ACCESS_READ ? "a read of " : e->way == ACCESS_WRITE ? "a write to " : "an access to ");
    message_pointer(m, (uintptr_t)e->access);
    message_text(m, ", ");
  }
  message_number(m, e->over);
  message_text(m, e->over == 1 ? " byte" : " bytes");
}

static void put_sentence(struct message *m, const struct event_hdr_reset *e) {
  /* Where the block's size is known, what was written is, too. */
  const enum hdr_verdict verdict = e->verdict == HDR_WRITE_AFTER_FREE && e->size != 0 ? HDR_USE_AFTER_FREE : e->verdict;
  for (const char *s = sentences[verdict]; *s != '\0'; s++) {
    if (*s != '%') {
      message_text(m, (const char[]){*s, '\0'});
      continue;
    }
    switch (*++s) {
      case 'b': message_pointer(m, (uintptr_t)e->base); break;
      case 't': message_number(m, e->told); break;
      case 'm': message_text(m, makers[e->made]); break;
      case 'g': message_text(m, givers[e->given]); break;
      case 'a': put_access(m, e); break;
      case 's':
        message_text(m, " of ");
        message_number(m, e->size);
        message_text(m, e->size == 1 ? " byte" : " bytes");
        break;
      case 'l':
        message_text(m, e->left != NULL ? "block " : "what lies before the first block");
        if (e->left != NULL) message_pointer(m, (uintptr_t)e->left);
        break;
      default:
        if (e->over == 0) break;
        message_text(m, ": ");
        message_number(m, e->over);
        message_text(m, e->over == 1 ? " byte, as far as the pattern goes" : " bytes, as far as the pattern goes");
    }
  }
}

static const char *const states[] = {
  [VIEW_LIVE] = "live", [VIEW_FREE] = "free", [VIEW_BROKEN] = "of a broken header, too", [VIEW_UNREADABLE] = "not readable"};

static void put_block(struct message *m, const struct event_hdr_reset *e, const struct slab_view *slab) {
  const bool small = slab->cls < CLASS_COUNT;
  const char *block = small ? view_block(slab, e->base) : slab->base;
  message_text(m, "\n  in a slab at ");
  message_pointer(m, (uintptr_t)slab->base);
  message_text(m, ", offset ");
  message_number(m, e->offset);
  if (block == NULL) {
    message_text(m, (const char *)e->base < slab->first ? ": before its first block" : ": behind the last block");
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

/* A pointer into the region of guarded blocks that is none. */
static void put_guarded(struct message *m, const void *p) {
  struct record block;
  if (!guard_find(p, &block) || p == block.block) return;
  const intptr_t in = (const char *)p - (const char *)block.block;
  message_text(m, "\n  among the guarded blocks; the nearest one, ");
  message_pointer(m, (uintptr_t)block.block);
  message_text(m, block.freed ? ", is freed and had " : ", is live and has ");
  message_number(m, block.requested);
  message_text(m, in > 0 ? " bytes, and begins " : " bytes, and begins behind it, by ");
  message_number(m, (uint64_t)(in > 0 ? in : -in));
  message_text(m, in > 0 ? " bytes before it" : " bytes");
}

/* What a pointer that is in no slab points into. */
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

/* Bytes to show: nothing outside of [start, end); the byte at `mark`, which may have been put right already, was `got`, and stands in brackets. */
struct window {
  const char *start, *end, *mark; /* mark NULL: none */
  uint8_t got;
};

/* One row of bytes. */
static void put_row(struct message *m, const char *at, const struct window *w) {
  const char *start = at < w->start ? w->start : at, *end = at + ROW < w->end ? at + ROW : w->end;
  uint8_t byte[ROW];
  if (start >= end || !maps_read(byte, start, (size_t)(end - start))) return;
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

/* Where something was written around, or into, a block of the debugging mode's. */
static void put_damage(struct message *m, const struct event_hdr_reset *e) {
  const char *const base = e->base, *const end = base + e->size;
  const char *mark = e->verdict == HDR_OVERFLOW ? end + e->over - 1 : e->verdict == HDR_UNDERFLOW ? base - e->over : base + e->over - 1;
  const struct window w = {base - config.redzone, end + config.redzone, mark, e->got};
  const char *at = base + ((mark - base) & ~(ptrdiff_t)(ROW - 1));
  for (int row = -ROWS; row < ROWS; row++) put_row(m, at + row * ROW, &w);
}

/* "  allocated at 0.1 s by thread 5, stack 7", and its frames: a message of its own, because it can be long. */
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
  message_text(m, "\n  ");
  put_sentence(m, e);
  struct slab_view slab;
  if (e->slab != NULL && view_of(e->slab, &slab) && slab.base == e->slab) {
    put_block(m, e, &slab);
    const char *const base = e->base;
    const struct window w = {slab.base, slab.base + slab.size, e->expect != 0 ? base - 1 : NULL, e->got};
    for (int row = -ROWS; row < ROWS; row++) put_row(m, base + row * ROW, &w);
  } else if (guard_owns(e->base)) {
    put_guarded(m, e->base);
  } else if (e->size != 0) {
    if (e->over != 0) put_damage(m, e);
  } else if (e->verdict != HDR_DOUBLE_FREE && e->verdict != HDR_REALLOC_AFTER_FREE && e->verdict != HDR_USABLE_SIZE_AFTER_FREE) {
    put_region(m, e->base);
  }
  if (e->found == FOUND_AT_END) message_text(m, "\n  no call freed it: the check of all blocks at the end of the process found it");
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
