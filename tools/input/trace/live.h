/*
 * live.h: sessions that a relay has now, by their addresses: net://RELAY[:PORT]/host/HOST/SESSION, as babeltrace2 names them.
 */
#ifndef HAKMEM_TOOLS_LIVE_H
#define HAKMEM_TOOLS_LIVE_H

#include <stdbool.h>
#include <stddef.h>

#define LIVE_SECONDS 10 /* how long a session is read, unless the user says otherwise */

bool live_is_address(const char *path);

/* HOST of an address, "" if it names none; `host` has `size` bytes. */
void live_host(const char *address, char *host, size_t size);

/*
 * Whether the relay has the session of `address`. False, with a failure set, if not: it lists the sessions that there are. A relay shows a session as long as
 * its program runs. This needs libbabeltrace2, and waits for the network: it runs in a worker (worker.h).
 */
bool live_check(const char *address);

#endif
