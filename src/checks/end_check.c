#include "end_check.h"

#if HAKMEM_EVENTS

#include "slabs/directory.h"
#include "checker_hooks.h"
#include "probe.h"
#include "slabs/legacy.h"
#include "misuse.h"
#include "memory/os.h"
#include "platform/syscall.h"
#include "slabs/units.h"

#define BLOCKS_MOST (UINT64_C(1) << 21) /* more are not checked, but a sample of their slabs; a million takes some 20 ms */
#define TIME_MOST 100                   /* ms, whatever the memory's state: some of it may be swapped out */
#define SUSPECTS 64                     /* wrong headers that are reported; the others are counted */
#define PAUSE 2000000                   /* ns, until a wrong header is looked at again */
#define AHEAD 16                        /* blocks */
#define TRIES 10                        /* to get the locks: the thread that has one may have been interrupted for good */

/* A block whose header is neither live nor free. */
struct suspect { const struct slab *slab; const void *block; uint32_t cls; uint8_t got; bool confirmed; };

/* What a walk over all slabs is to do. */
enum step { COUNT, CHECK, CONFIRM };

static struct {
  enum step step;
  uint64_t slabs, blocks, checked, wrong;
  uint64_t every, until_ms; /* one slab in `every` is checked, until the clock says `until_ms` */
  struct suspect suspect[SUSPECTS];
  uint32_t suspects;
} walk;

static bool is_wrong(uint8_t header, uint32_t cls) { return header != HEADER_FREE && !header_says_live(header, cls); }

static void check_blocks(const struct slab *slab, uint32_t count) {
  walk.checked += count;
  for (uint32_t i = 0; i < count; i++) {
    const char *block = slab->base + slab->first + (size_t)i * slab->stride;
    __builtin_prefetch(block + AHEAD * slab->stride); /* most of them are cold */
    const uint8_t got = header_get(block);
    if (LIKELY(!is_wrong(got, slab->cls))) continue;
    walk.wrong++;
    if (walk.suspects < SUSPECTS) walk.suspect[walk.suspects++] = (struct suspect){slab, block, slab->cls, got, false};
  }
}

/* Of this slab: what is wrong still, and was not taken away by a trim meanwhile. */
static void confirm_blocks(const struct slab *slab) {
  for (uint32_t n = 0; n < walk.suspects; n++) {
    struct suspect *s = &walk.suspect[n];
    if (s->slab != slab || s->cls != slab->cls || slab_block_of(slab, s->block) != s->block) continue;
    s->confirmed = header_get(s->block) == s->got && !slab_lost_block(slab, s->block);
  }
}

/* A slab of small blocks; the lock that keeps its memory is held. Its own thread may carve it meanwhile: carved blocks have headers. */
READS_RACILY static void look_at_slab(const struct slab *slab) {
  const uint32_t carved = __atomic_load_n(&slab->carved, __ATOMIC_ACQUIRE);
  if (walk.step == COUNT) walk.blocks += carved;
  else if (walk.step == CONFIRM) confirm_blocks(slab);
  else if (walk.slabs++ % walk.every == 0 && os_now_ms() <= walk.until_ms) check_blocks(slab, carved);
}

READS_RACILY static void look_at_superslab(struct superslab *ss, void *unused) {
  (void)unused;
  for (uint32_t u = 0; u < ss->units; u++) {
    const struct slab *slab = &ss->slabs[u];
    if ((ss->free_mask >> u & 1) != 0 || slab->home != ss || directory_code(&directory, ss->base + u * UNIT_SIZE) <= 0) continue;
    if (slab->cls < CLASS_COUNT) look_at_slab(slab);
  }
}

static void look_at_legacy(const struct slab *slab, void *unused) {
  (void)unused;
  look_at_slab(slab);
}

/* False if a lock could not be had. */
static bool look_at_all(enum step step) {
  walk.step = step;
  for (unsigned tries = 0; tries < TRIES; tries++) {
    if (units_visit(true, look_at_superslab, NULL)) {
      legacy_visit_small(look_at_legacy, NULL);
      return true;
    }
    sys_sleep_ns(PAUSE);
  }
  return false;
}

void end_check(bool alone) {
  const uint64_t start = hub_ticks();
  if (hub_checked || !look_at_all(COUNT)) return; /* a checker watches every write */
  walk.every = walk.blocks / BLOCKS_MOST + 1;
  walk.until_ms = os_now_ms() + TIME_MOST;
  if (!look_at_all(CHECK)) return;
  if (walk.suspects != 0) {
    /* No operation has another value in a header for a moment; but a slab may just be given back, or its tail be purged. */
    if (!alone) sys_sleep_ns(PAUSE);
    if (!look_at_all(CONFIRM)) return;
  }
  for (uint32_t n = 0; n < walk.suspects; n++) {
    const struct suspect *s = &walk.suspect[n];
    if (s->confirmed) misuse_header(s->slab, s->block, s->got, MISUSE_AT_END);
    else walk.wrong--;
  }
  EVENT(end_check, .blocks = walk.blocks, .checked = walk.checked < walk.blocks ? walk.checked : walk.blocks, .wrong = walk.wrong,
        .ticks = hub_ticks() - start);
}

#endif
