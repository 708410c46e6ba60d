#include "clients.h"

#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

void clients_init(struct clients *all) {
  pthread_mutex_init(&all->lock, NULL);
  for (size_t i = 0; i < CLIENTS; i++) all->list[i] = (struct client){.fd = -1};
}

struct client *clients_add(struct clients *all, int fd) {
  struct client *found = NULL;
  pthread_mutex_lock(&all->lock);
  for (size_t i = 0; i < CLIENTS && found == NULL; i++) {
    if (all->list[i].fd < 0) found = &all->list[i];
  }
  if (found != NULL) *found = (struct client){.fd = fd, .since = now()};
  pthread_mutex_unlock(&all->lock);
  return found;
}

static void set(struct clients *all, struct client *c, struct client value) {
  if (c == NULL) return;
  pthread_mutex_lock(&all->lock);
  *c = value;
  pthread_mutex_unlock(&all->lock);
}

void clients_remove(struct clients *all, struct client *c) { set(all, c, (struct client){.fd = -1}); }
void clients_serve(struct clients *all, struct client *c) { set(all, c, (struct client){c != NULL ? c->fd : -1, 0, true}); }
void clients_restart(struct clients *all, struct client *c) { set(all, c, (struct client){c != NULL ? c->fd : -1, now(), false}); }

void clients_cut_off(struct clients *all) {
  const double oldest = now() - CLIENT_SECONDS;
  pthread_mutex_lock(&all->lock);
  for (size_t i = 0; i < CLIENTS; i++) {
    const struct client *const c = &all->list[i];
    if (c->fd >= 0 && !c->is_served && c->since < oldest) shutdown(c->fd, SHUT_RDWR); /* the server's thread sees its end, and closes it */
  }
  pthread_mutex_unlock(&all->lock);
}

/* The length of a name or address without its port, and without the dot at the end of a full name; 0 if it is none. */
static size_t name_length(const char *host) {
  const size_t length = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
  if (length > strlen(host) || (host[length] != '\0' && host[length] != ':')) return 0;
  return length > 1 && host[length - 1] == '.' ? length - 1 : length;
}

static bool is_name(const char *host, const char *name) {
  const size_t length = name_length(host);
  return length > 0 && length == name_length(name) && strncasecmp(host, name, length) == 0;
}

bool client_host_is_good(const char *host, const char *bound, char *const *allowed, size_t count) {
  if (host == NULL || is_name(host, "localhost") || is_name(host, "127.0.0.1") || is_name(host, "[::1]") || is_name(host, bound)) return true;
  for (size_t i = 0; i < count; i++) {
    if (is_name(host, allowed[i])) return true;
  }
  return false;
}
