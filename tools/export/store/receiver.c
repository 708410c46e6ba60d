/*
 * receiver.c: what each store of profiles expects. Sources: Pyroscope's "Server HTTP API"; of github.com/grafana/pyroscope the parser of `name`
 * (api/model/labelset); of github.com/parca-dev/parca proto/parca/profilestore/v1alpha1/profilestore.proto and pkg/normalizer.
 */
#include "receiver.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/memory.h"

#define URL_MOST 2000
#define NAME "memory" /* of the profiles; the stores' own name for those of a heap */
#define SERVICE "service_name"

static const struct {
  const char *end, *what;
} receivers[] = {
#define RECEIVER_ENTRY(name, end, what) {end, what},
  RECEIVERS(RECEIVER_ENTRY)};

/* ---- The URL ---- */

static size_t path_end(const char *url) { return strcspn(url, "?"); }

static bool ends_with(const char *text, size_t length, const char *end) {
  const size_t of_end = strlen(end);
  return length >= of_end && strncmp(text + length - of_end, end, of_end) == 0;
}

#define ENDS(name, end, what) " " end " (" what ")"
bool receiver_find(const char *url, enum receiver *receiver) {
  const bool is_http = strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0;
  if (!is_http || strlen(url) > URL_MOST) return fail("--push=%.60s: the URL begins with http:// or https://, and has at most %d bytes", url, URL_MOST);
  const char *const host = strstr(url, "://") + 3;
  for (const char *c = url; *c != '\0'; c++) {
    if (*c <= ' ' || *c > '~' || *c == '#') return fail("--push: a URL holds no spaces, no '#' and no letters beyond ASCII");
  }
  /* It would stand in the list of processes, and in messages. */
  if (memchr(host, '@', strcspn(host, "/?")) != NULL) return fail("--push: the URL holds a name or a password; give a token with --token-file or PUSH_TOKEN");
  for (unsigned i = 0; i < RECEIVER_COUNT; i++) {
    if (!ends_with(host, path_end(host), receivers[i].end)) continue;
    *receiver = (enum receiver)i;
    return true;
  }
  return fail("--push=%.*s: the end of the path says which interface it is:" RECEIVERS(ENDS), (int)path_end(url), url);
}

char *receiver_shown(const char *url) { return must_print("%.*s", (int)path_end(url), url); }

bool receiver_adds(enum receiver receiver) { return receiver != RECEIVER_write_raw; }

/* ---- Pyroscope's ingest: all about the profile stands in the query ---- */

static void add(char **text, const char *more) {
  char *const longer = must_print("%s%s", *text, more);
  free(*text);
  *text = longer;
}

/* In `name`, braces, commas and the equals sign are the form. It knows no escapes. */
static void add_in_name(char **text, const char *value) {
  char *const copy = must_copy(value);
  for (char *c = copy; *c != '\0'; c++) {
    if (strchr("{},=", *c) != NULL || (unsigned char)*c < ' ' || *c == 0x7f) *c = '_';
  }
  add(text, copy);
  free(copy);
}

static char *percent_encode(const char *text) {
  static const char digits[] = "0123456789ABCDEF";
  char *const encoded = must_allocate(strlen(text) * 3 + 1), *to = encoded;
  for (const unsigned char *c = (const unsigned char *)text; *c != '\0'; c++) {
    if ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("-._~", *c) != NULL) {
      *to++ = (char)*c;
    } else {
      *to++ = '%';
      *to++ = digits[*c >> 4];
      *to++ = digits[*c & 15];
    }
  }
  return encoded;
}

/* The name of a service: letters, digits and a few signs. */
static char *service_name(const struct delivery *d) {
  const char *const service = labels_find(&d->labels, SERVICE);
  char *const name = must_copy(service != NULL && service[0] != '\0' ? service : d->program);
  for (char *c = name; *c != '\0'; c++) {
    const bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("-._/", *c) != NULL;
    if (!plain) *c = '_';
  }
  return name;
}

/* "redis-server{host=a,pid=12}" */
static char *name_with_labels(const struct delivery *d) {
  char *name = service_name(d);
  const char *before = "{";
  for (size_t i = 0; i < d->labels.count; i++) {
    const struct label *const label = &d->labels.list[i];
    if (label->value[0] == '\0' || strcmp(label->name, SERVICE) == 0) continue;
    add(&name, before);
    add(&name, label->name);
    add(&name, "=");
    add_in_name(&name, label->value);
    before = ",";
  }
  if (before[0] == ',') add(&name, "}");
  return name;
}

/* A UNIX time in seconds, as the interface documents it. */
static void pack_ingest(const char *url, const struct delivery *d, struct package *p) {
  char *const name = name_with_labels(d), *const encoded = percent_encode(name);
  p->url = must_print("%s%cname=%s&from=%" PRIu64 "&until=%" PRIu64 "&format=pprof&spyName=hakmem", url, strchr(url, '?') != NULL ? '&' : '?', encoded,
                      d->from_ns / 1000000000, d->until_ns / 1000000000);
  free(encoded);
  free(name);
  p->type = "application/octet-stream";
  p->body = (char *)(uintptr_t)d->profile;
  p->size = d->size;
}

/* ---- JSON with the profile as base64: Pyroscope's push API and Parca's write API ---- */

static char *base64(const unsigned char *bytes, size_t size) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char *const text = must_allocate((size + 2) / 3 * 4 + 1), *to = text;
  for (size_t i = 0; i < size; i += 3) {
    const size_t left = size - i;
    const unsigned group = (unsigned)bytes[i] << 16 | (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
    *to++ = digits[group >> 18];
    *to++ = digits[group >> 12 & 63];
    *to++ = left > 1 ? digits[group >> 6 & 63] : '=';
    *to++ = left > 2 ? digits[group & 63] : '=';
  }
  return text;
}

static json_t *json_label(const char *name, const char *value) { return json_pack("{s:s, s:s}", "name", name, "value", value); }

static json_t *json_labels(const struct delivery *d) {
  json_t *const list = json_array();
  json_array_append_new(list, json_label("__name__", NAME));
  for (size_t i = 0; i < d->labels.count; i++) {
    if (d->labels.list[i].value[0] != '\0') json_array_append_new(list, json_label(d->labels.list[i].name, d->labels.list[i].value));
  }
  return list;
}

/* Parca puts the list of labels into an object of its own; Pyroscope does not. */
static void pack_json(enum receiver receiver, const char *url, const struct delivery *d, struct package *p) {
  char *const encoded = base64(d->profile, d->size);
  json_t *labels = json_labels(d);
  if (receiver == RECEIVER_write_raw) labels = json_pack("{s:o}", "labels", labels);
  json_t *const all = json_pack("{s:[{s:o, s:[{s:s}]}]}", "series", "labels", labels, "samples", "rawProfile", encoded);
  free(encoded);
  p->url = must_copy(url);
  p->type = "application/json";
  p->body = all != NULL ? json_dumps(all, JSON_COMPACT) : NULL;
  json_decref(all);
  if (p->body == NULL) p->body = must_copy("{}"); /* out of memory: the server says what is missing */
  p->size = strlen(p->body);
  p->owns_body = true;
}

void receiver_pack(enum receiver receiver, const char *url, struct delivery *d, struct package *package) {
  *package = (struct package){0};
  if (receiver != RECEIVER_write_raw) labels_default(&d->labels, SERVICE, d->program);
  if (receiver == RECEIVER_ingest) pack_ingest(url, d, package);
  else pack_json(receiver, url, d, package);
}

void receiver_unpack(struct package *package) {
  free(package->url);
  if (package->owns_body) free(package->body);
}
