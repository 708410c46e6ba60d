#include "address.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"
#include "listen.h"

#define WAITING 16 /* connections that are not accepted yet */

bool address_split(const char *text, char **host, char **port) {
  const bool brackets = text[0] == '[';
  const char *const end = brackets ? strchr(text, ']') : strchr(text, ':') == strrchr(text, ':') ? strchr(text, ':') : NULL; /* ::1 has no port */
  if (brackets && (end == NULL || (end[1] != '\0' && end[1] != ':'))) return false;
  const char *const colon = brackets ? end + 1 : end;
  const size_t length = end != NULL ? (size_t)(end - text) - brackets : strlen(text);
  const bool has_port = colon != NULL && *colon == ':';
  if (has_port && (colon[1] == '\0' || strspn(colon + 1, "0123456789") != strlen(colon + 1) || strlen(colon + 1) > 5 || atoi(colon + 1) > 65535)) return false;
  *host = length > 0 ? must_print("%.*s", (int)length, text + brackets) : must_copy(LISTEN_ADDRESS);
  *port = must_copy(has_port ? colon + 1 : LISTEN_PORT);
  return true;
}

static int listen_at(const struct addrinfo *a, const char *host, const char *port) {
  const int fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const int on = 1;
  if (fd >= 0) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (fd >= 0 && bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, WAITING) == 0) return fd;
  const int error = errno;
  if (fd >= 0) close(fd);
  fail("cannot listen on port %s of %s: %s; choose another one with --listen=ADDR:PORT", port, host, strerror(error));
  return -1;
}

int address_listen(const char *text) {
  char *host, *port;
  if (!address_split(text, &host, &port)) {
    fail("%s is no address", text);
    return -1;
  }
  const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
  struct addrinfo *found = NULL;
  int fd = -1;
  const int error = getaddrinfo(host, port, &wanted, &found);
  if (error != 0) fail("there is no address %s on this machine: %s", host, gai_strerror(error));
  else fd = listen_at(found, host, port);
  if (found != NULL) freeaddrinfo(found);
  free(host);
  free(port);
  return fd;
}

char *address_of(int fd, bool *is_loopback) {
  struct sockaddr_storage at;
  socklen_t length = sizeof(at);
  char host[256] = "?", port[16] = "?";
  memset(&at, 0, sizeof(at));
  getsockname(fd, (struct sockaddr *)&at, &length);
  getnameinfo((const struct sockaddr *)&at, length, host, sizeof(host), port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
  const bool six = at.ss_family == AF_INET6;
  *is_loopback = six ? IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)&at)->sin6_addr)
                     : ntohl(((const struct sockaddr_in *)&at)->sin_addr.s_addr) >> 24 == 127;
  return must_print(six ? "[%s]:%s" : "%s:%s", host, port);
}
