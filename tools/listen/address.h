/*
 * address.h: the address that `hakmem export --listen` is given, and a socket there.
 */
#ifndef HAKMEM_TOOLS_ADDRESS_H
#define HAKMEM_TOOLS_ADDRESS_H

#include <stdbool.h>

/* ADDR and PORT of `text`; without one of them, what is usual. The caller frees both. False if it is no address: bad usage of --listen. */
bool address_split(const char *text, char **host, char **port);

/* A socket that listens at ADDR, ADDR:PORT, [ADDR]:PORT or :PORT; -1, with a failure set, if that cannot be. */
int address_listen(const char *text);

/* "127.0.0.1:9847": where the socket listens; the caller frees it. `*is_loopback`: only this machine reaches it. */
char *address_of(int socket, bool *is_loopback);

#endif
