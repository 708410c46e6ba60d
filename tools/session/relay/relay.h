/*
 * relay.h: the LTTng relay daemon that a recording is sent to. The session daemon sends the trace and never says whether it arrives. So this program
 * holds a connection of its own to the relay's control port. Nothing is sent on it. If it ends, the relay has ended, or the network to it.
 */
#ifndef HAKMEM_TOOLS_RELAY_H
#define HAKMEM_TOOLS_RELAY_H

#include <stdbool.h>

struct relay {
  const char *url; /* net://HOST[:CONTROL PORT[:DATA PORT]], also net6: or with [ADDRESS]; NULL: none is used */
  char *host, *port;
  int fd; /* -1: not connected */
};

/* Parses `url`, which must outlive the relay. False, with a failure set, if it is no address of a relay. */
bool relay_parse(struct relay *r, const char *url);

/* Connects, within some seconds. False, with a failure set, if nothing listens there. */
bool relay_connect(struct relay *r);

/* Whether the connection still holds; true if no relay is used. */
bool relay_is_there(const struct relay *r);

void relay_close(struct relay *r);

#endif
