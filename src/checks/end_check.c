#include "end_check.h"

#include "checker_hooks.h"
#include "probe.h"
#include "memory/maps.h"
#include "memory/os.h"
#include "misuse.h"
#include "platform/syscall.h"
#include "pointer.h"
#include "slabs/directory.h"
#include "view.h"

#define BLOCKS_MOST (UINT64_C(1) << 21) /* with more, a sample of the slabs is checked. A million blocks take some 20 ms */
#define TIME_MOST 100                   /* ms, even if some of the memory is swapped out */
#define SUSPECTS 64                     /* wrong headers that are reported; further ones are only counted */
#define PAUSE 2000000                   /* ns, until a wrong header is read again */
#define AHEAD 16                        /* blocks */
#define TRIES 10                        /* to get the locks: the thread that holds one may have been interrupted for good */

/* A block whose header is neither live nor free. */
struct suspect {
  const void *block;
  uint32_t cls;
  uint8_t got;
  struct pointer at;
  bool confirmed;
};

struct counts {
  uint64_t slabs, blocks, checked, wrong;
  uint32_t suspects;
};
static struct counts counts;
static struct suspect suspect[SUSPECTS] BULK;
static uint64_t every, until_ms; /* one slab in `every` is checked, until the clock says `until_ms` */

static void count_blocks(const struct slab_view *slab, void *unused) {
  (void)unused;
  if (slab->cls < CLASS_COUNT) counts.blocks += slab->count;
}

static void check_blocks(const struct slab_view *slab, void *unused) {
  (void)unused;
  if (slab->cls >= CLASS_COUNT || counts.slabs++ % every != 0 || os_now_ms() > until_ms || !view_is_whole(slab)) return;
  counts.checked += slab->count;
  const char *block = slab->first;
  for (uint32_t i = 0; i < slab->count; i++, block += slab->stride) {
    __builtin_prefetch(block + AHEAD * slab->stride); /* most of them are cold */
    const uint8_t got = header_get(block);
    if (LIKELY(header_state(got, slab->cls) != BLOCK_BROKEN)) continue;
    counts.wrong++;
    if (counts.suspects < SUSPECTS) suspect[counts.suspects++] = (struct suspect){.block = block, .cls = slab->cls, .got = got};
  }
}

/* In this slab: confirms the headers that are still wrong. A trim may have removed a block meanwhile. */
static void confirm_blocks(const struct slab_view *view, void *unused) {
  (void)unused;
  for (uint32_t n = 0; n < counts.suspects; n++) {
    struct suspect *s = &suspect[n];
    if (s->cls != view->cls || view_block(view, s->block) != s->block) continue;
    struct slab *slab = directory_slab(s->block);
    if (slab == NULL) continue;
    s->at = pointer_in(slab, s->block);
    s->confirmed = s->at.kind == POINTER_BLOCK && s->at.state == BLOCK_BROKEN && s->at.header == s->got;
  }
}

/* False if a lock was not to be had. */
static bool look_at_all(view_visit *visit) {
  const struct counts before = counts;
  for (unsigned tries = 0; tries < TRIES; tries++) {
    if (view_each_held(VIEW_NOT_COUNTED, VIEW_TRY, visit, NULL)) return true;
    counts = before; /* some slabs were visited, and will be again */
    sys_sleep_ns(PAUSE);
  }
  return false;
}

void end_check(bool alone) {
  const uint64_t start = hub_ticks();
  if (hub_checked || !look_at_all(count_blocks)) return; /* a checker sees every wrong write already */
  every = counts.blocks / BLOCKS_MOST + 1;
  until_ms = os_now_ms() + TIME_MOST;
  if (!look_at_all(check_blocks)) return;
  if (counts.suspects != 0) {
    /* No operation leaves another value in a header, even for a moment. But a slab may just have been released, or its tail purged. */
    if (!alone) sys_sleep_ns(PAUSE);
    if (!look_at_all(confirm_blocks)) return;
  }
  for (uint32_t n = 0; n < counts.suspects; n++) {
    const struct suspect *s = &suspect[n];
    if (s->confirmed && !maps_is_wiped((const char *)s->block - 1, s->got)) misuse_header(&s->at, MISUSE_AT_END);
    else counts.wrong--;
  }
  EVENT(end_check, .blocks = counts.blocks, .checked = counts.checked < counts.blocks ? counts.checked : counts.blocks, .wrong = counts.wrong,
        .ticks = hub_ticks() - start);
}
