#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"

#define CONTROL_PORT "5342" /* of lttng-relayd, if its options name no other */
#define CONNECT_MS 5000
#define QUIET_SECONDS 2 /* a cut line is found this long after the last byte, and one second later for each probe */
#define PROBES 3

static bool is_port(const char *text, size_t length) {
  return length > 0 && length <= 5 && strspn(text, "0123456789") >= length && atoi(text) > 0 && atoi(text) <= 65535;
}

bool relay_parse(struct relay *r, const char *url) {
  *r = (struct relay){.url = url, .fd = -1};
  const char *at = strncmp(url, "net://", 6) == 0 ? url + 6 : strncmp(url, "net6://", 7) == 0 ? url + 7 : NULL;
  if (at == NULL) return false;
  const bool bracket = *at == '[';
  at += bracket;
  const size_t length = strcspn(at, bracket ? "]" : ":/");
  const char *port = at + length + (bracket && at[length] == ']');
  if (length == 0 || (bracket && at[length] != ']')) return false;
  const size_t digits = *port == ':' ? strcspn(port + 1, ":") : 0;
  if (*port == ':' ? !is_port(port + 1, digits) : *port != '\0') return false;
  if (digits > 0 && port[1 + digits] == ':' && !is_port(port + 2 + digits, strlen(port + 2 + digits))) return false;
  r->host = must_print("%.*s", (int)length, at);
  r->port = digits > 0 ? must_print("%.*s", (int)digits, port + 1) : must_copy(CONTROL_PORT);
  return true;
}

/* Connects within CONNECT_MS; -1 with errno set if not. */
static int connect_to(const struct addrinfo *address) {
  const int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  int error = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
  if (error == EINPROGRESS) {
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    socklen_t size = sizeof(error);
    if (poll(&ready, 1, CONNECT_MS) <= 0) error = ETIMEDOUT;
    else getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error == 0) return fd;
  close(fd);
  errno = error;
  return -1;
}

/* Without probes, a cut line would look like a quiet one. */
static void probe(int fd) {
  const int on = 1, seconds = QUIET_SECONDS, pause = 1, probes = PROBES;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &pause, sizeof(pause));
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof(probes));
}

bool relay_connect(struct relay *r) {
  struct addrinfo *addresses = NULL;
  const struct addrinfo wanted = {.ai_socktype = SOCK_STREAM};
  const int code = getaddrinfo(r->host, r->port, &wanted, &addresses);
  if (code != 0) return fail("--to=%s: cannot find host %s: %s", r->url, r->host, gai_strerror(code));
  for (const struct addrinfo *a = addresses; a != NULL && r->fd < 0; a = a->ai_next) r->fd = connect_to(a);
  const int error = errno;
  freeaddrinfo(addresses);
  if (r->fd < 0) {
    return fail("--to=%s: no LTTng relay daemon answers at %s, port %s: %s; start lttng-relayd there, or name its control port", r->url, r->host, r->port,
                strerror(error));
  }
  probe(r->fd);
  return true;
}

bool relay_is_there(const struct relay *r) {
  char byte;
  if (r->fd < 0) return r->url == NULL;
  const ssize_t got = recv(r->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
  return got < 0 && (errno == EAGAIN || errno == EINTR);
}

void relay_close(struct relay *r) {
  if (r->fd >= 0) close(r->fd);
  r->fd = -1;
  free(r->host);
  free(r->port);
  r->host = r->port = NULL;
}
