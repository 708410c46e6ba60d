/*
 * clients.h: how long a client may take, and under which names it may ask.
 *
 * libmicrohttpd ends a connection that is silent. A client that sends or takes a byte now and then is not silent, and 32 such clients would keep all others
 * out. So a whole request, and a whole answer, each have a time limit.
 */
#ifndef HAKMEM_TOOLS_LISTEN_CLIENTS_H
#define HAKMEM_TOOLS_LISTEN_CLIENTS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define CLIENTS 32        /* connections at a time */
#define CLIENT_SECONDS 15 /* for a request, from the end of the answer before it; for an answer */

struct client {
  int fd; /* -1: free */
  double since;
  bool is_served; /* its answer is being made: that is not its fault */
};

struct clients {
  pthread_mutex_t lock; /* the server's thread changes them, another one cuts them off */
  struct client list[CLIENTS];
};

void clients_init(struct clients *all);
/* A place for a new connection; NULL if there is none. clients_remove must come before its descriptor is closed. */
struct client *clients_add(struct clients *all, int fd);
void clients_remove(struct clients *all, struct client *c);
/* Its answer begins to be made; its time begins anew. `c` may be NULL. */
void clients_serve(struct clients *all, struct client *c);
void clients_restart(struct clients *all, struct client *c);
/* Shuts down the connections that have taken too long. */
void clients_cut_off(struct clients *all);

/*
 * Whether a request for `host`, the header of this name, is meant for this server. A page of another site can send a browser of this machine here under the name
 * of that site (DNS rebinding). `bound` is the address of the server, with a port. A request without the header comes from no browser.
 */
bool client_host_is_good(const char *host, const char *bound, char *const *allowed, size_t count);

#endif
