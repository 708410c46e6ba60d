/*
 * listen.h: the processes of this host as a target for Prometheus (`hakmem export --openmetrics --listen`).
 */
#ifndef HAKMEM_TOOLS_LISTEN_H
#define HAKMEM_TOOLS_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

#define LISTEN_ADDRESS "127.0.0.1"
#define LISTEN_PORT "9847"
#define LISTEN_PROCESSES 100 /* shown at most, unless --max-processes says otherwise */
#define LISTEN_PROCESSES_MAX 1000
#define LISTEN_HOSTS 16

struct listen_options {
  const char *address;       /* ADDR, ADDR:PORT, [ADDR]:PORT or :PORT */
  size_t processes;          /* shown at most */
  char *hosts[LISTEN_HOSTS]; /* names of this server beside those of loopback and its address */
  size_t host_count;
};

/* Serves until SIGINT or SIGTERM. False, with a failure set, if it cannot listen there. In the part listen.so. */
bool listen_serve(const struct listen_options *o);

#endif
