/*
 * stats_checksum.h: the checksum of a statistics file. It is a sum over the words that are not zero, each mixed with its place. So holes cost nothing, and the
 * parts may be added in any order.
 */
#ifndef HAKMEM_STATS_CHECKSUM_H
#define HAKMEM_STATS_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* `start`: the place of the first word in the block, in bytes. */
static inline uint64_t stats_checksum(uint64_t sum, const uint64_t *words, size_t count, size_t start) {
  const uint64_t first = start / sizeof(*words);
  for (size_t i = 0; i < count; i++) {
    /* Most words are zero: eight at a time. */
    while (i + 8 <= count && (words[i] | words[i + 1] | words[i + 2] | words[i + 3] | words[i + 4] | words[i + 5] | words[i + 6] | words[i + 7]) == 0) i += 8;
    if (i == count) break;
    if (words[i] == 0) continue;
    uint64_t word = words[i] + (first + i) * 0x9e3779b97f4a7c15u;
    word = (word ^ word >> 32) * 0xbf58476d1ce4e5b9u;
    word = (word ^ word >> 29) * 0x94d049bb133111ebu;
    sum += word ^ word >> 32;
  }
  return sum;
}

#endif
