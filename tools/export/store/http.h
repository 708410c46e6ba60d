/*
 * http.h: one HTTP request. Its functions are in push.so, the part of the program that is linked to libcurl (doors/).
 *
 * What a server may do is bounded: the time for the whole request, the bytes of its answer, and the number of redirects, which may not lead to another
 * scheme. Certificates are verified. The token is sent to the host of the URL alone.
 */
#ifndef HAKMEM_TOOLS_HTTP_H
#define HAKMEM_TOOLS_HTTP_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens the library once, before the processes that send. False, with a failure set, if it cannot be used. */
bool http_begin(void);

struct http_post {
  const char *url, *shown; /* `shown`: the URL without its query, for messages */
  const char *type;        /* of the body */
  const void *body;
  size_t size;
  const char *token;                        /* NULL: none */
  const char *ca_file;                      /* NULL: the certificates that the system trusts */
  uint32_t timeout_ms;                      /* from the connection to the end of the answer */
  const volatile sig_atomic_t *interrupted; /* ends the request once it is not 0 */
};

enum http_result {
  HTTP_DONE,   /* the server has accepted the body */
  HTTP_AGAIN,  /* a failure is set; a later attempt may succeed */
  HTTP_FAILED, /* a failure is set; the same request would fail again */
};
enum http_result http_post(const struct http_post *post);

#endif
