/*
 * liar FILE SEED: a process whose memory is not what a statistics file says. Takes over FILE, which another process has written, as its own, with random addresses,
 * sizes and lists that are circles; then it prints "ready" and rests.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "statistics/stats_block.h"

static struct stats_block block;
static uint64_t numbers[65536]; /* what the addresses lead to: addresses in it, and small numbers */

static const void *place(void) { return rand() % 64 == 0 ? (const void *)(uintptr_t)rand() : &numbers[rand() % 1000]; }

int main(int count, char **arguments) {
  const int fd = count == 3 ? open(arguments[1], O_RDWR) : -1;
  if (fd < 0 || read(fd, &block, sizeof(block)) != (ssize_t)sizeof(block)) return 1;
  srand((unsigned)atoi(arguments[2]));
  const int addresses = rand() % 100, zeros = rand() % 100; /* percent; of the others */
  for (size_t i = 0; i < 65536; i++) {
    numbers[i] = rand() % 100 < addresses ? (uint64_t)(uintptr_t)&numbers[rand() % 1000] : rand() % 100 < zeros ? 0 : (uint64_t)rand() % 65;
  }
  block.block_at = &block;
  block.rounds_at = &numbers[0];
  block.complete = 0;
  block.pid = (uint32_t)getpid();
  uint32_t words[sizeof(block.layout) / 4]; /* a few of its numbers are others */
  memcpy(words, &block.layout, sizeof(words));
  for (size_t i = 0; i < sizeof(words) / 4; i++) {
    if (rand() % 128 == 0) words[i] = rand() % 2 == 0 ? (uint32_t)rand() : (uint32_t)rand() % 100000;
  }
  memcpy(&block.layout, words, sizeof(words));
  block.layout.pool.classes = place();
  block.layout.legacy.lists = place();
  block.layout.retired.at = &numbers[0];
  block.layout.lists.first.at = place();
  block.layout.units.first.at = place();
  block.layout.units.active.at = place();
  block.layout.directory.leaves.at = place();
  block.layout.directory.roots = place();
  block.layout.directory.root = place();
  block.layout.directory.zero_leaf = place();
  block.layout.bytes.mapped.at = block.layout.bytes.metadata.at = block.layout.bytes.records.at = block.layout.bytes.guarded.at = place();
  block.layout.legacy.kept_bytes.at = block.layout.legacy.huge_blocks.at = block.layout.legacy.huge_requested.at = block.layout.legacy.huge_bytes.at = place();
  block.layout.units.free_units.at = block.layout.units.dirty_units.at = block.layout.units.gone_units.at = place();
  if (pwrite(fd, &block, sizeof(block), 0) != (ssize_t)sizeof(block) || flock(fd, LOCK_EX) != 0) return 1;
  puts("ready");
  fflush(stdout);
  pause();
  return 0;
}
