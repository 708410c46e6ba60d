/*
 * explain.h: from figures to findings. A rule looks at the data for one thing that can be wrong. Its finding has a cost, the evidence, and a change
 * to make. Rules are listed once, below, and so are the thresholds from which a figure becomes a finding.
 *
 *   diagnosis ── finding[] ─┬─ what is wrong, in plain words
 *                           ├─ cost: nanoseconds or bytes, out of a whole (the run's time, the most that was resident)
 *                           ├─ evidence[]: figures with their units, from the data
 *                           └─ remedy[]: an option with a value, or a change of the program, and the effect to be expected
 *
 * Text from outside (names, paths) is escaped before it enters a finding.
 */
#ifndef HAKMEM_TOOLS_EXPLAIN_H
#define HAKMEM_TOOLS_EXPLAIN_H

#include <stdio.h>

#include "report/print.h"

/* The rules, in their order: R(name, "what it finds"). rule_NAME returns why it could not look, or NULL. */
#define EXPLAIN_RULES(R) \
  R(lost_data, "events, processes or details that are missing in the data") \
  R(own_malloc, "programs that have a malloc of their own, in place of hakmem's") \
  R(header_reset, "overwritten headers, double and invalid frees") \
  R(leaks, "unreachable blocks (of runs with HAKMEM_LEAKS=1)") \
  R(limit, "shared_fails because HAKMEM_SS_LIMIT SuperSlabs were in use") \
  R(no_memory, "shared_fails because the system gave no memory, or no aligned address space") \
  R(huge_blocks, "blocks that are too large for a SuperSlab") \
  R(lookup_strategy, "lookups of SuperSlabs by another strategy than the directory") \
  R(drains, "drains that come too often, or move blocks from one thread to another") \
  R(fresh_slabs, "slabs that are emptied, released and acquired again") \
  R(map_churn, "memory that is returned to the kernel and requested again") \
  R(soft_limit, "a HAKMEM_SOFT_LIMIT that costs much, or that the live blocks alone exceed") \
  R(partial_slabs, "slabs that few live blocks keep from being empty") \
  R(empty_slabs, "empty slabs and SuperSlabs that are kept") \
  R(thread_lists, "free blocks in the lists of threads") \
  R(kept_huge, "mappings of freed huge blocks that are kept") \
  R(internal_fragmentation, "blocks that are larger than their requests") \
  R(growth, "live memory that grows all along the run") \
  R(residual, "resident memory that is not the allocator's") \
  R(deepbind, "libraries that were opened without the RTLD_DEEPBIND that the program asked for") \
  R(other_allocator, "other allocators that are loaded beside hakmem")

/*
 * The thresholds from which a figure becomes a finding: T(name, value, "unit", "why this value"). A share is of the time that the processes ran, or
 * of the most that was resident.
 */
#define EXPLAIN_THRESHOLDS(T) \
  T(time_share, 0.01, "of the time", "reruns vary by more than one part in a hundred") \
  T(time_ns, 5e6, "ns", "no user notices less, whatever share of a short run it is") \
  T(memory_share, 0.05, "of the RSS", "less than one part in twenty is not worth a change of the program") \
  T(memory_bytes, 4194304, "bytes", "two SuperSlabs: a process that allocates at all may hold that much") \
  T(external_share, 0.25, "of what is committed", "lists and partial slabs of a healthy program hold less; below this, no remedy pays") \
  T(internal_share, 0.15, "of a class", "strides above 128 bytes waste up to 12.5 % by design") \
  T(probes, 2, "probes per lookup", "a well filled hash table needs fewer; the directory needs one") \
  T(huge_blocks, 1000, "blocks", "fewer may have taken long by chance, when their threads were preempted") \
  T(refills, 1000, "refills", "the first refills of a program are all from fresh slabs") \
  T(fresh_share, 0.5, "of the blocks", "a program at rest refills from what it freed") \
  T(travel_share, 0.5, "of the frees", "of a thread that uses its blocks again, most stay in its lists") \
  T(batch_share, 0.25, "of the refills", "threads that keep their own blocks seldom take a batch of another one") \
  T(drains, 1000, "drains", "fewer take less than a millisecond together") \
  T(churn, 4, "times the most in use", "as often, memory was mapped anew") \
  T(fault_ns, 500, "ns a page", "what a page fault costs: 250 on a machine of its own, 2300 measured on a virtual one") \
  T(limit_share, 0.05, "of the time above HAKMEM_SOFT_LIMIT", "passing it for moments is what a soft limit is for") \
  T(moments, 8, "snapshots", "a trend needs several points") \
  T(growth_share, 0.5, "of the end's live bytes", "the caches of a program that warms up grow by less after the first quarter") \
  T(growth_last, 0.5, "of the rate before", "a program that fills its working set stops to grow") \
  T(growth_turnover, 0.8, "of the bytes were freed meanwhile", "a program that fills its working set frees little of it") \
  T(growth_ns, 60e9, "ns", "after a minute, a program that still grows is not filling its working set") \
  T(growth_run, 0.6, "of the run", "a program that frees its blocks after less has filled them for a phase of its work") \
  T(growth_fit, 0.8, "r squared", "below it, a straight line does not fit the points") \
  T(residual_share, 0.5, "of the RSS", "code, data and stacks are the smaller part if memory matters at all") \
  T(residual_bytes, 33554432, "bytes", "without code: the stacks and data of a large program take as much, without a fault")

#define THRESHOLD_MEMBER(name, value, unit, why) double name;
struct thresholds {
  EXPLAIN_THRESHOLDS(THRESHOLD_MEMBER)
};
extern const struct thresholds threshold;

/* In the order of the list; then by share of the cost. FINDING_END: only the last operations are missing. An error often tells why the process ended. */
enum finding_kind { FINDING_DATA, FINDING_ERROR, FINDING_END, FINDING_COST, FINDING_NOTE };
enum cost_unit { COST_NONE, COST_NS, COST_BYTES };

struct remedy {
  char *option, *value; /* NULL: a change of the program or of its start */
  char *what, *effect;
};

struct figure {
  const char *name;
  double value;
};

struct finding {
  const char *rule;
  enum finding_kind kind;
  const struct model_process *p; /* its process; NULL: of all together */
  char *what;
  enum cost_unit unit;
  double cost, whole;
  bool cost_is_mean; /* over the run: the state that the finding shows is over */
  size_t others;     /* processes with the same finding at a lower cost */
  double others_cost;
  char **evidence;
  size_t evidence_count, evidence_capacity;
  struct remedy *remedies;
  size_t remedy_count, remedy_capacity;
  struct figure *figures; /* for machines: the figures of the evidence */
  size_t figure_count, figure_capacity;
};

struct look {
  const char *rule, *meaning, *why_not;
}; /* why_not: NULL if the rule could look */

struct diagnosis {
  const struct page *page;
  char *too_few, *too_short; /* NULL until explain_too_short: "only 6 snapshots; 8 are needed", and how to have more */
  const struct report *r;    /* the data for the rules: exact statistics if there are any */
  double time_ns;            /* run time of the processes, added up */
  struct finding **findings; /* ranked */
  size_t finding_count, finding_capacity;
  struct look *looks;
  size_t look_count;
};

struct diagnosis *diagnosis_create(const struct page *page);
void diagnosis_destroy(struct diagnosis *d);

void explain_text(FILE *out, const struct diagnosis *d);
void explain_first_screen(FILE *out, const struct diagnosis *d); /* at most 24 lines */
bool explain_json(FILE *out, const struct diagnosis *d);         /* false, with a failure, if it cannot be written */
struct json_t *json_of_diagnosis(const struct diagnosis *d);     /* the same object; the caller gives its reference back */
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
/* Call finding_effect after it, once for each remedy. */
FORMATTED(3) void finding_option(struct finding *f, const char *option, const char *value, ...);
FORMATTED(2) void finding_change(struct finding *f, const char *format, ...);
FORMATTED(2) void finding_effect(struct finding *f, const char *format, ...);

/* Nanoseconds that a process ran. A process that was cut short ran on after its last snapshot. */
double explain_time(const struct model_process *p);
/* An estimate of time within calls, from a mean of few: at most what all calls took, which is known far better. */
double explain_in_calls(const struct diagnosis *d, double ns);

/* The most resident memory of a process; its committed memory if the RSS is unknown. */
double explain_whole_memory(const struct model_process *p);

/* Whether bytes are worth a finding, of the most that was resident. */
bool explain_is_much(double bytes, double whole);
#define EXPLAIN_NO_BUCKETS "a trace without statistics files does not say where the memory is"
/* Why a rule that needs several snapshots could not look. */
const char *explain_too_short(struct diagnosis *d);

/* "copy_name at program.c:12, called by main at program.c:30": the program's own frames of a stack, escaped; NULL if unknown. The caller frees it. */
char *explain_place(const struct diagnosis *d, const struct model_process *p, uint32_t stack);

/*
 * Evidence of a run with HAKMEM_PROFILE, in explain_sites.c: the sites that keep slabs nearly empty; the age of a class's live blocks; the sites
 * that allocated most.
 */
/* `bytes` are free in partial slabs. Returns whether any site was named. */
bool explain_pins(struct finding *f, const struct diagnosis *d, const struct model_process *p, bool at_end, uint64_t bytes);
void explain_holder_age(struct finding *f, const struct model_process *p, uint32_t cls);
bool explain_largest_sites(struct finding *f, const struct diagnosis *d, const struct model_process *p); /* whether any was named */
/* Of a run without HAKMEM_PROFILE: the command line that would tell more. Changes nothing if the run had it. */
void explain_advise_profile(struct finding *f, const struct diagnosis *d, const struct model_process *p, const char *effect);
/* Of a live process whose last profile is old: the command that brings a new one. */
void explain_advise_dump(struct finding *f, const struct model_process *p, const char *effect);

/* What a killed process did in its last moments, by its flight recorder, in explain_last.c. */
void explain_last_moments(struct finding *f, const struct diagnosis *d, const struct model_process *killed);

/* "class 7 (128 B)", "large blocks", "huge blocks". */
#define EXPLAIN_CLASS 64
const char *explain_class(char *buffer, uint32_t cls);

#endif
