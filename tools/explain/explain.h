/*
 * explain.h: from figures to findings. A rule looks at the data for one thing that can be wrong; what it finds has a cost, the evidence, and
 * what to change. Rules are listed once, below, and so are the thresholds above which a figure is worth a word.
 *
 *   diagnosis ── finding[] ─┬─ what is wrong, in plain words
 *                           ├─ cost: nanoseconds or bytes, out of a whole (the run's time, the most that was resident)
 *                           ├─ evidence[]: figures with their units, from the data
 *                           └─ remedy[]: an option with a value, or a change of the program, and the effect to be expected
 *
 * Whatever text comes from outside (names, paths) is escaped before it gets into a finding.
 */
#ifndef HAKMEM_TOOLS_EXPLAIN_H
#define HAKMEM_TOOLS_EXPLAIN_H

#include <stdio.h>

#include "report/print.h"

/* What is looked for, in this order; R(name, "what it is"). rule_NAME says in its return value why it could not look, or NULL. */
#define EXPLAIN_RULES(R)                                                                                       \
  R(lost_data, "events, processes or details that are missing in the data")                                   \
  R(header_reset, "headers that somebody wrote over, double and invalid frees")                               \
  R(leaks, "unreachable blocks (of runs with HAKMEM_LEAKS=1)")                               \
  R(limit, "shared_fails because HAKMEM_SS_LIMIT SuperSlabs were in use")                                      \
  R(no_memory, "shared_fails because the system gave no memory, or no aligned address space")                  \
  R(huge_blocks, "blocks that are too large for a SuperSlab")                                                   \
  R(lookup_strategy, "lookups of SuperSlabs by another strategy than the directory")                           \
  R(lookup_tail, "lookups of SuperSlabs that take far longer than most")                                       \
  R(drains, "drains that come too often or move too little")                                                   \
  R(fresh_slabs, "refills that come from fresh slabs for the most part")                                           \
  R(map_churn, "memory that is returned to the kernel and requested again")                                   \
  R(external_fragmentation, "memory that is held but not in use by any live block")                            \
  R(internal_fragmentation, "blocks that are larger than what was asked for")                                  \
  R(growth, "live memory that grows all along the run")                                                        \
  R(residual, "resident memory that is none of the allocator's")                                                \
  R(deepbind, "libraries that were opened without the RTLD_DEEPBIND that the program asked for")                 \
  R(other_allocator, "other allocators that are loaded beside hakmem")

/*
 * When a figure is worth a finding; T(name, value, "unit", "why this value"). A share is of the time that the processes ran, or
 * of the most that was resident.
 */
#define EXPLAIN_THRESHOLDS(T)                                                                                  \
  T(time_share, 0.01, "of the time", "less than one part in a hundred is below what a rerun varies by")        \
  T(memory_share, 0.05, "of the RSS", "less than one part in twenty is not worth a change of a program")       \
  T(memory_bytes, 1048576, "bytes", "half a SuperSlab: every process that allocates at all holds that much")   \
  T(external_share, 0.25, "of what is committed", "lists and partial slabs of a healthy program hold less; below, no remedy pays") \
  T(internal_share, 0.15, "of a class", "strides above 128 bytes waste up to 12.5 % by design")                \
  T(probes, 2, "probes per lookup", "a hash table that is filled well needs fewer; the directory needs one")   \
  T(lookups, 1000, "lookups timed", "a p99.9 of fewer is one value")                                          \
  T(tail_lookups, 10, "lookups", "fewer that were so long may have lost their processor by chance")            \
  T(tail_ratio, 50, "times the median", "cache misses make some lookups 10 to 20 times as long as the others") \
  T(tail_ns, 1000, "ns", "below a microsecond no program notices a single lookup")                            \
  T(refills, 1000, "refills", "the first refills of a program are all from fresh slabs")                       \
  T(fresh_share, 0.5, "of the blocks", "a program at rest refills from what it freed")                         \
  T(drain_blocks, 8, "blocks per drain", "a drain costs about as much as so many mallocs and frees")           \
  T(drains, 1000, "drains", "fewer are over in a millisecond")                                                 \
  T(churn, 4, "times the most in use", "memory came and went as often as that")                                      \
  T(fault_ns, 500, "ns a page", "what a page fault costs: 250 on a machine of its own, 2300 measured on a virtual one")   \
  T(moments, 8, "snapshots", "a trend needs several points")                                                   \
  T(growth_share, 0.5, "of the end's live bytes", "caches and tables of a program that warms up grow by less after its first quarter") \
  T(growth_fit, 0.8, "r squared", "below it, a straight line says little about the points")                    \
  T(residual_share, 0.5, "of the RSS", "code, data and stacks are the smaller part where memory is a question at all") \
  T(residual_bytes, 33554432, "bytes", "the code of a large program is as much, without any fault")

#define THRESHOLD_MEMBER(name, value, unit, why) double name;
struct thresholds { EXPLAIN_THRESHOLDS(THRESHOLD_MEMBER) };
extern const struct thresholds threshold;

enum finding_kind { FINDING_DATA, FINDING_ERROR, FINDING_COST, FINDING_NOTE }; /* listed in this order, then by share of the cost */
enum cost_unit { COST_NONE, COST_NS, COST_BYTES };

struct remedy {
  char *option, *value; /* NULL: a change of the program, or of how it is run */
  char *what, *effect;
};

struct figure { const char *name; double value; };

struct finding {
  const char *rule;
  enum finding_kind kind;
  const struct model_process *p; /* whose it is; NULL: of all together */
  char *what;
  enum cost_unit unit;
  double cost, whole;
  size_t others;                 /* processes with the same finding at a lower cost */
  double others_cost;
  char **evidence;
  size_t evidence_count, evidence_capacity;
  struct remedy *remedies;
  size_t remedy_count, remedy_capacity;
  struct figure *figures;        /* for machines: what the evidence says */
  size_t figure_count, figure_capacity;
};

struct look { const char *rule, *meaning, *why_not; }; /* why_not: NULL where the rule could look */

struct diagnosis {
  const struct page *page;
  const struct report *r;        /* what the rules look at: exact statistics where there are any */
  double time_ns;                /* that the processes ran, added up */
  struct finding **findings;     /* ranked */
  size_t finding_count, finding_capacity;
  struct look *looks;
  size_t look_count;
};

struct diagnosis *diagnosis_create(const struct page *page);
void diagnosis_destroy(struct diagnosis *d);

void explain_text(FILE *out, const struct diagnosis *d);
void explain_first_screen(FILE *out, const struct diagnosis *d); /* at most 24 lines of 80 columns */
bool explain_json(FILE *out, const struct diagnosis *d); /* false, with a failure, where it cannot be written */
#define EXPLAIN_SCHEMA 1

/* ---- For the rules. ---- */

#define RULE_DECLARE(name, meaning) const char *rule_##name(struct diagnosis *d);
EXPLAIN_RULES(RULE_DECLARE)

struct finding *finding_add(struct diagnosis *d, const char *rule, enum finding_kind kind, const struct model_process *p);
#define FORMATTED(n) __attribute__((format(printf, n, n + 1)))
FORMATTED(2) void finding_what(struct finding *f, const char *format, ...);
void finding_cost(struct finding *f, enum cost_unit unit, double cost, double whole);
FORMATTED(2) void finding_evidence(struct finding *f, const char *format, ...);
void finding_figure(struct finding *f, const char *name, double value);
/* `effect` comes after; it may be given once for each remedy. */
FORMATTED(3) void finding_option(struct finding *f, const char *option, const char *value, ...);
FORMATTED(2) void finding_change(struct finding *f, const char *format, ...);
FORMATTED(2) void finding_effect(struct finding *f, const char *format, ...);

/* The whole number below `value`: of damaged data it may be anything, a whole number is at most 2^60 here. */
static inline uint64_t explain_whole(double value) {
  const double most = (double)((uint64_t)1 << 60);
  return !(value > 0) ? 0 : (uint64_t)(value < most ? value : most);
}

/* Nanoseconds that a process ran: one that was cut short ran on after its last snapshot. */
double explain_time(const struct model_process *p);

/* Resident at most, of a process; its committed memory where the RSS is unknown. */
double explain_whole_memory(const struct model_process *p);

/* "copy_name at program.c:12, called by main at program.c:30": the program's own frames of a stack, escaped; NULL where unknown. The caller frees it. */
char *explain_place(const struct diagnosis *d, const struct model_process *p, uint32_t stack);

/* Evidence of a run with HAKMEM_PROFILE, in explain_sites.c: who holds slabs nearly empty; how old a class's live blocks are; who allocated most. */
void explain_pins(struct finding *f, const struct diagnosis *d, const struct model_process *p, bool at_end);
/* How long at least few blocks hold them; nothing where there are none. */
void explain_pinned_slabs(struct finding *f, const struct stats_pins *pins);
void explain_holder_age(struct finding *f, const struct model_process *p, uint32_t cls);
void explain_largest_sites(struct finding *f, const struct diagnosis *d, const struct model_process *p);

/* "class 7 (128 B)", "large blocks", "huge blocks". */
#define EXPLAIN_CLASS 64
const char *explain_class(char *buffer, uint32_t cls);

#endif
