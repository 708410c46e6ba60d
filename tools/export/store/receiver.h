/*
 * receiver.h: the interfaces that take profiles. The end of the path of a URL chooses one.
 */
#ifndef HAKMEM_TOOLS_RECEIVER_H
#define HAKMEM_TOOLS_RECEIVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "labels.h"

/* R(name, "end of the path", "whose interface it is"). */
#define RECEIVERS(R) \
  R(ingest, "/ingest", "Pyroscope's HTTP ingest") \
  R(push, "/push.v1.PusherService/Push", "Pyroscope's push API") \
  R(write_raw, "/profiles/writeraw", "Parca's write API")
#define RECEIVER_CONSTANT(name, end, what) RECEIVER_##name,
enum receiver { RECEIVERS(RECEIVER_CONSTANT) RECEIVER_COUNT };

/* A profile on its way. Times are nanoseconds since the epoch. */
struct delivery {
  const void *profile; /* compressed */
  size_t size;
  uint64_t from_ns, until_ns;
  const char *program; /* as the process names itself */
  struct labels labels;
};

/* What is sent. `url`, `shown` and `body` are the caller's to free; `body` may be the profile itself, then `owns_body` is false. */
struct package {
  char *url;
  const char *type;
  char *body;
  size_t size;
  bool owns_body;
};

/* False, with a failure set, if `url` is none that a profile can be pushed to. */
bool receiver_find(const char *url, enum receiver *receiver);

/* The URL without its query, which may hold a secret. The caller frees it. */
char *receiver_shown(const char *url);

/* Whether the receiver sums the allocations of one profile after the other; else each profile holds all since the start. */
bool receiver_adds(enum receiver receiver);

void receiver_pack(enum receiver receiver, const char *url, struct delivery *d, struct package *package);
void receiver_unpack(struct package *package);

#endif
