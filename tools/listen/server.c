/*
 * server.c: the server, by libmicrohttpd. One thread answers one request after the other; the other one waits for the signal that ends it. Requests that
 * change something do not exist.
 */
#include <microhttpd.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "clients.h"
#include "common/error.h"
#include "common/memory.h"
#include "listen.h"
#include "scrape.h"

/* The bounds of a client. */
#define CONNECTION_MEMORY 16384 /* bytes of a request's head */
#define CONNECTION_SECONDS 10   /* without a byte; clients.h limits the whole */

struct server {
  const struct listen_options *options;
  struct scrape scrape;
  struct clients clients;
  char *bound; /* its own address */
  bool checks_host;
};

static const char index_page[] =
  "<!DOCTYPE html><html lang=\"en\"><title>hakmem</title><h1>hakmem</h1><p>The processes of this host under hakmem: <a href=\"/metrics\">/metrics</a>";

static const char *const content_type[] = {
#define CONTENT_TYPE(name, type) type,
  LISTEN_FORMATS(CONTENT_TYPE)};

static enum MHD_Result answer_with(struct MHD_Connection *c, unsigned status, const char *type, struct MHD_Response *response) {
  if (response == NULL) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
  MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
  if (status == MHD_HTTP_METHOD_NOT_ALLOWED) MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
  const enum MHD_Result result = MHD_queue_response(c, status, response);
  MHD_destroy_response(response);
  return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *c, unsigned status, const char *type, const char *text) {
  return answer_with(c, status, type, MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_PERSISTENT));
}

static enum MHD_Result answer_metrics(struct MHD_Connection *c, struct scrape *s) {
  const enum listen_format format = listen_accepted(MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT));
  struct families families = {0};
  char *body = NULL;
  size_t length = 0;
  FILE *const out = open_memstream(&body, &length);
  if (out == NULL) return MHD_NO;
  scrape_take(s, &families);
  if (format == LISTEN_protobuf) families_pack(out, &families);
  else families_print(out, &families, format == LISTEN_openmetrics);
  families_free(&families);
  if (fclose(out) != 0) {
    free(body);
    return answer_text(c, MHD_HTTP_INTERNAL_SERVER_ERROR, "text/plain", "There is no memory for an answer.\n");
  }
  return answer_with(c, MHD_HTTP_OK, content_type[format], MHD_create_response_from_buffer(length, body, MHD_RESPMEM_MUST_FREE));
}

/* ---- Connections ---- */

static void on_connection(void *context, struct MHD_Connection *c, void **place, enum MHD_ConnectionNotificationCode what) {
  struct server *const s = context;
  if (what == MHD_CONNECTION_NOTIFY_CLOSED) clients_remove(&s->clients, *place);
  else *place = clients_add(&s->clients, MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
}

static struct client *client_of(struct MHD_Connection *c) { return MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context; }

static void on_completed(void *context, struct MHD_Connection *c, void **request, enum MHD_RequestTerminationCode why) {
  struct server *const s = context;
  (void)request, (void)why;
  clients_restart(&s->clients, client_of(c));
}

static enum MHD_Result answer(void *context, struct MHD_Connection *c, const char *url, const char *method, const char *version, const char *data, size_t *size,
                              void **request) {
  (void)version, (void)data;
  struct server *const s = context;
  if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0) {
    *size = 0; /* a body is not read */
    return answer_text(c, MHD_HTTP_METHOD_NOT_ALLOWED, "text/plain", "Only GET and HEAD.\n");
  }
  if (*request == NULL) { /* the head: an answer now would close the connection */
    *request = context;
    return MHD_YES;
  }
  *size = 0;
  if (s->checks_host &&
      !client_host_is_good(MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST), s->bound, s->options->hosts, s->options->host_count)) {
    return answer_text(c, MHD_HTTP_FORBIDDEN, "text/plain", "This is not a name of this server. Start it with --allow-host=NAME if it is.\n");
  }
  if (strcmp(url, "/metrics") == 0) {
    clients_serve(&s->clients, client_of(c));
    const enum MHD_Result result = answer_metrics(c, &s->scrape);
    clients_restart(&s->clients, client_of(c));
    return result;
  }
  if (strcmp(url, "/") == 0) return answer_text(c, MHD_HTTP_OK, "text/html; charset=utf-8", index_page);
  return answer_text(c, MHD_HTTP_NOT_FOUND, "text/plain", "There is only /metrics.\n");
}

static void say_where(const char *at, bool is_loopback) {
  say("serves http://%s/metrics", at);
  if (!is_loopback) say("every machine that reaches this address can read the names and figures of these processes");
}

/* Until one of the signals comes. */
static void wait_for(const sigset_t *ends, struct clients *clients) {
  while (sigtimedwait(ends, NULL, &(const struct timespec){.tv_sec = 1}) < 0) clients_cut_off(clients);
}

bool listen_serve(const struct listen_options *o) {
  struct server s = {.options = o, .scrape = {.max = o->processes}};
  sigset_t ends;
  bool is_loopback;
  const int fd = address_listen(o->address);
  if (fd < 0) return false;
  s.bound = address_of(fd, &is_loopback);
  s.checks_host = is_loopback || o->host_count > 0;
  clients_init(&s.clients);
  signal(SIGPIPE, SIG_IGN);
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, NULL); /* in the server's thread, too */
  struct MHD_Daemon *const server = MHD_start_daemon(
    MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL, 0, NULL, NULL, answer, &s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CLIENTS,
    MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)CONNECTION_SECONDS, MHD_OPTION_NOTIFY_CONNECTION,
    on_connection, &s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, &s, MHD_OPTION_END);
  if (server != NULL) {
    say_where(s.bound, is_loopback);
    wait_for(&ends, &s.clients);
    MHD_stop_daemon(server); /* closes fd */
  } else {
    close(fd);
  }
  scrape_fini(&s.scrape);
  free(s.bound);
  return server != NULL || fail("libmicrohttpd cannot start a server: see the limits of this user on threads and memory");
}
