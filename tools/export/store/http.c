/*
 * http.c: a POST by libcurl. Nothing of the environment decides what is verified. The proxies of the environment are used, as by other programs.
 */
#include "http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/error.h"
#include "common/memory.h"

#define ANSWER_QUOTED 200u        /* bytes of an answer in a message */
#define ANSWER_MOST (64u * 1024u) /* bytes of headers and of the answer that are read */
#define REDIRECTS_MOST 3L
#define CONNECT_PART 2 /* a connection may take this part of the whole time */

struct answer {
  size_t received; /* headers, too */
  char text[ANSWER_QUOTED + 1];
  size_t length;
  bool too_long;
};

/* ---- What the server sends ---- */

/* False if that is more than any server that keeps to the interface sends. */
static bool count_bytes(struct answer *a, size_t bytes) {
  a->received += bytes;
  if (a->received > ANSWER_MOST) a->too_long = true;
  return !a->too_long;
}

/* White space becomes one space; escaping is the business of say(). */
static size_t take_answer(const char *bytes, size_t one, size_t count, void *context) {
  struct answer *const a = context;
  const size_t size = one * count;
  for (size_t i = 0; i < size && a->length < ANSWER_QUOTED; i++) {
    const char c = bytes[i] == '\n' || bytes[i] == '\r' || bytes[i] == '\t' || bytes[i] == '\0' ? ' ' : bytes[i];
    if (c == ' ' && (a->length == 0 || a->text[a->length - 1] == ' ')) continue;
    a->text[a->length++] = c;
  }
  return count_bytes(a, size) ? size : 0;
}

static size_t take_header(const char *bytes, size_t one, size_t count, void *context) {
  (void)bytes;
  return count_bytes(context, one * count) ? one * count : 0;
}

static int on_progress(void *context, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d) {
  (void)a, (void)b, (void)c, (void)d;
  const struct http_post *const post = context;
  return post->interrupted != NULL && *post->interrupted != 0;
}

/* ---- What became of it ---- */

static enum http_result say_transport(const struct http_post *post, CURL *curl, CURLcode code, const struct answer *a, const char *why) {
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  if (a->too_long) {
    fail("%s: the server sends more than %u KiB as an answer: is this the address of a store of profiles?", post->shown, ANSWER_MOST / 1024);
    return HTTP_FAILED;
  }
  switch (code) {
    case CURLE_ABORTED_BY_CALLBACK: fail("%s: interrupted", post->shown); return HTTP_FAILED;
    case CURLE_OPERATION_TIMEDOUT:
      fail("%s: the server has not %s within %g s", post->shown, status != 0 ? "finished its answer" : "answered", post->timeout_ms / 1e3);
      return HTTP_AGAIN;
    case CURLE_TOO_MANY_REDIRECTS: fail("%s: the server redirects more than %ld times", post->shown, REDIRECTS_MOST); return HTTP_FAILED;
    case CURLE_UNSUPPORTED_PROTOCOL:
      fail("%s: the server redirects to another scheme, which is refused; give --push the URL that it means", post->shown);
      return HTTP_FAILED;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      fail("%s: %s; --ca-file=FILE names the certificates to trust", post->shown, why[0] != '\0' ? why : curl_easy_strerror(code));
      return HTTP_FAILED;
    default: fail("%s: %s", post->shown, why[0] != '\0' ? why : curl_easy_strerror(code)); return HTTP_AGAIN;
  }
}

static enum http_result say_status(const struct http_post *post, long status, struct answer *a) {
  if (status >= 200 && status < 300) return HTTP_DONE;
  if (a->length > 0 && a->text[a->length - 1] == ' ') a->length--;
  a->text[a->length] = '\0';
  const bool cut = a->length == ANSWER_QUOTED;
  fail("%s: the server answered %ld%s%s%s%s", post->shown, status, a->length > 0 ? ": \"" : "", a->text, cut ? "..." : "", a->length > 0 ? "\"" : "");
  return status >= 500 || status == 408 || status == 429 ? HTTP_AGAIN : HTTP_FAILED;
}

/* ---- The request ---- */

static struct curl_slist *headers_of(const struct http_post *post) {
  struct curl_slist *list = NULL;
  char *const type = must_print("Content-Type: %s", post->type);
  list = curl_slist_append(list, type);
  free(type);
  list = curl_slist_append(list, "Expect:"); /* the body is sent at once */
  if (post->token == NULL) return list;
  char *const token = must_print("Authorization: Bearer %s", post->token);
  list = curl_slist_append(list, token);
  explicit_bzero(token, strlen(token));
  free(token);
  return list;
}

static void set_options(CURL *curl, const struct http_post *post, struct curl_slist *headers, struct answer *a, char *why) {
  const char *const schemes = strncmp(post->url, "https:", 6) == 0 ? "https" : "http";
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L); /* a name server that does not answer is not waited for */
  curl_easy_setopt(curl, CURLOPT_URL, post->url);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, schemes);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
  curl_easy_setopt(curl, CURLOPT_USERAGENT, "hakmem/" HAKMEM_VERSION);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->size);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post->body);
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, schemes);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, REDIRECTS_MOST);
  curl_easy_setopt(curl, CURLOPT_POSTREDIR, (long)CURL_REDIR_POST_ALL);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)post->timeout_ms);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)post->timeout_ms / CONNECT_PART + 1);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
  curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
  curl_easy_setopt(curl, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
  if (post->ca_file != NULL) {
    curl_easy_setopt(curl, CURLOPT_CAINFO, post->ca_file);
    curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
  }
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_answer);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, a);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, post);
}

bool http_begin(void) { return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK || fail("libcurl cannot be used; install it again"); }

enum http_result http_post(const struct http_post *post) {
  char why[CURL_ERROR_SIZE] = "";
  struct answer a = {0};
  long status = 0;
  CURL *const curl = curl_easy_init();
  if (curl == NULL) {
    fail("no memory");
    return HTTP_FAILED;
  }
  struct curl_slist *const headers = headers_of(post);
  set_options(curl, post, headers, &a, why);
  const CURLcode code = curl_easy_perform(curl);
  enum http_result result;
  if (code != CURLE_OK) {
    result = say_transport(post, curl, code, &a, why);
  } else {
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    result = say_status(post, status, &a);
  }
  curl_slist_free_all(headers);
  curl_easy_cleanup(curl);
  return result;
}
