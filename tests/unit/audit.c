/* Chains on their way: broken headers are found and taken out, broken links not followed, and what was seen good is known. */
#include "checks/audit.h"
#include "checks/seen.h"

#include <criterion/criterion.h>
#include <unistd.h>

#include "slabs/directory.h"
#include "statistics/stats.h"
#include "slabs/pool/shared_pool.h"
#include "threads/tls_sll.h"

#define CLS 20

static uint64_t resets(void) { return stats_block()->counters.hdr_reset; }

static struct chain chain_of(uint32_t count) { return pool_refill(CLS, count, false).chain; }

static struct block *at(struct chain chain, uint32_t index) {
  struct block *block = chain.head;
  while (index-- > 0) block = block_next(block);
  return block;
}

static uint32_t length_of(struct chain chain) {
  uint32_t n = 0;
  for (const struct block *block = chain.head; block != BLOCK_END; block = block_next(block)) n++;
  cr_assert_eq(n, chain.count);
  return n;
}

Test(audit, a_whole_chain_stays_as_it_is) {
  const struct chain before = chain_of(40), after = audit_chain(CLS, before, UINT32_MAX);
  cr_assert(after.head == before.head && after.count == 40);
  cr_assert_eq(resets(), 0);
  cr_assert_eq(audit_chain(CLS, CHAIN_EMPTY, UINT32_MAX).count, 0);
}

Test(audit, what_was_seen_good_is_known) {
  const struct chain chain = chain_of(20);
  uint32_t ms, thread = 0;
  for (uint32_t i = 0; i < 20; i++) cr_assert_not(seen_last_good(at(chain, i), &ms, &thread));
  audit_chain(CLS, chain, 8);
  cr_assert(seen_last_good(at(chain, 0), &ms, &thread));
  cr_assert_eq(thread, (uint32_t)gettid());
  uint32_t known = 0;
  for (uint32_t i = 0; i < 20; i++) known += seen_last_good(at(chain, i), &ms, &thread);
  cr_assert(known >= 7 && known <= 8, "two blocks may have one place: %u", known);
}

Test(audit, a_broken_header_costs_one_block_wherever_it_is) {
  for (uint32_t bad = 0; bad < 10; bad += 3) {
    const struct chain chain = chain_of(10);
    const uint64_t before = resets();
    header_set(at(chain, bad), 0x00);
    const struct chain rest = audit_chain(CLS, chain, UINT32_MAX);
    cr_assert_eq(length_of(rest), 9);
    cr_assert_eq(resets(), before + 1);
  }
}

Test(audit, several_in_a_row_and_all) {
  struct chain chain = chain_of(10);
  for (uint32_t i = 2; i < 6; i++) header_set(at(chain, i), 0xff);
  chain = audit_chain(CLS, chain, UINT32_MAX);
  cr_assert_eq(length_of(chain), 6);
  for (uint32_t i = 0; i < 6; i++) header_set(at(chain, i), 0xff);
  cr_assert_eq(audit_chain(CLS, chain, UINT32_MAX).head, BLOCK_END);
  cr_assert_eq(resets(), 10);
}

Test(audit, a_broken_link_ends_the_chain_before_its_block) {
  const struct chain chain = chain_of(10);
  at(chain, 3)->word = 0x1234567890;
  cr_assert_eq(length_of(audit_chain(CLS, chain, UINT32_MAX)), 3);
  cr_assert_eq(resets(), 1);
  const struct chain other = chain_of(10);
  at(other, 9)->word = UINT64_MAX; /* the last one leads to the end, and is looked at, too */
  cr_assert_eq(audit_chain(CLS, other, UINT32_MAX).count, 9);
  const struct chain first = chain_of(10);
  first.head->word ^= 1;
  cr_assert_eq(audit_chain(CLS, first, UINT32_MAX).head, BLOCK_END);
  cr_assert_eq(resets(), 3);
}

Test(audit, a_return_to_the_slabs_finds_every_broken_header) {
  const struct chain chain = chain_of(100);
  struct block *const bad[] = {at(chain, 30), at(chain, 31), at(chain, 99)};
  for (int i = 0; i < 3; i++) header_set(bad[i], 0x00);
  sll_return_blocks(CLS, chain, false);
  cr_assert_eq(resets(), 3);
  struct pool_usage usage;
  pool_usage(CLS, &usage);
  cr_assert_eq(usage.used, 3, "the broken ones are not given back");
}
