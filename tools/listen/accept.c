/*
 * accept.c: which format a client asks for (RFC 9110, section 12.5.1), as far as a scraper needs it.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "families.h"

/* Whether the parameter `name=value` is in ";a=b ; c=d". */
static const char *parameter(const char *range, const char *name) {
  const size_t length = strlen(name);
  while ((range = strchr(range, ';')) != NULL) {
    range += 1 + strspn(range + 1, " \t");
    if (strncasecmp(range, name, length) == 0 && range[length] == '=') return range + length + 1;
  }
  return NULL;
}

static bool parameter_is(const char *range, const char *name, const char *value) {
  const char *const is = parameter(range, name);
  if (is == NULL) return false;
  const bool quoted = *is == '"';
  return strncasecmp(is + quoted, value, strlen(value)) == 0 && strchr(quoted ? "\"" : "; \t", is[quoted + strlen(value)]) != NULL;
}

static bool type_is(const char *range, const char *type) {
  const size_t length = strcspn(range, "; \t");
  return length == strlen(type) && strncasecmp(range, type, length) == 0;
}

static int format_of(const char *range) {
  if (type_is(range, "application/vnd.google.protobuf"))
    return parameter_is(range, "proto", "io.prometheus.client.MetricFamily") && parameter_is(range, "encoding", "delimited") ? LISTEN_protobuf : -1;
  if (type_is(range, "application/openmetrics-text"))
    return parameter(range, "version") == NULL || parameter_is(range, "version", "1.0.0") ? LISTEN_openmetrics : -1;
  if (type_is(range, "text/plain") || type_is(range, "text/*") || type_is(range, "*/*")) return LISTEN_text;
  return -1;
}

enum listen_format listen_accepted(const char *accept) {
  enum listen_format best = LISTEN_text;
  double best_quality = 0;
  char range[256];
  while (accept != NULL && *accept != '\0') {
    accept += strspn(accept, " \t,");
    const size_t length = strcspn(accept, ",");
    snprintf(range, sizeof(range), "%.*s", (int)(length < sizeof(range) ? length : sizeof(range) - 1), accept);
    accept += length;
    const int format = format_of(range);
    const char *const q = parameter(range, "q");
    const double quality = q != NULL ? strtod(q, NULL) : 1;
    if (format < 0 || !(quality > best_quality || (quality == best_quality && quality > 0 && format < (int)best))) continue;
    best = (enum listen_format)format;
    best_quality = quality;
  }
  return best;
}
