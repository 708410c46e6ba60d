/* plans.h: the plans of hakmem bench: P(name, rounds, operations by default). They stand here because a shell completes them. */
#ifndef HAKMEM_TOOLS_PLANS_H
#define HAKMEM_TOOLS_PLANS_H

#define PLANS(P) \
  P(phase8, 9, 16000000) \
  P(scale, 5, 5000000) \
  P(sweep, 3, 4000000) \
  P(latency, 7, 4000000) \
  P(threads, 5, 0) \
  P(programs, 5, 0) \
  P(cost, 5, 5000000) \
  P(memory, 3, 0) \
  P(all, 6, 8000000)

/* "phase8|scale|...|", for words_meant(). */
#define PLAN_CHOICE(name, rounds, ops) #name "|"
#define PLAN_CHOICES PLANS(PLAN_CHOICE)

#endif
