#include "labels.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/escape.h"
#include "common/memory.h"

/* The names that both Pyroscope and Parca accept: those of Prometheus. Names that begin with "__" are the stores' own. */
static bool is_name(const char *text, size_t length) {
  if (length == 0 || length > LABEL_LENGTH || isdigit((unsigned char)text[0]) || strncmp(text, "__", 2) == 0) return false;
  for (size_t i = 0; i < length; i++) {
    const char c = text[i];
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')) return false;
  }
  return true;
}

static char *value_of(const char *text) {
  size_t length = strnlen(text, LABEL_LENGTH + 1);
  if (length > LABEL_LENGTH) {
    length = LABEL_LENGTH;
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80) length--; /* not within a letter */
  }
  char *const cut = must_print("%.*s", (int)length, text);
  char *const valid = escape_invalid_utf8(cut);
  free(cut);
  return valid;
}

static struct label *find(const struct labels *labels, const char *name) {
  for (size_t i = 0; i < labels->count; i++) {
    if (strcmp(labels->list[i].name, name) == 0) return (struct label *)&labels->list[i];
  }
  return NULL;
}

bool labels_read(struct labels *labels, const char *text) {
  const char *const equals = strchr(text, '=');
  if (equals == NULL) return fail("--label=%s is no label; write NAME=VALUE", text);
  if (!is_name(text, (size_t)(equals - text))) {
    return fail("--label=%s: the name of a label has letters, digits and '_', and begins with neither a digit nor \"__\"", text);
  }
  if (strlen(equals + 1) > LABEL_LENGTH) return fail("--label=%.*s: the value is longer than %d bytes", (int)(equals - text), text, LABEL_LENGTH);
  char *const name = must_print("%.*s", (int)(equals - text), text);
  struct label *const known = find(labels, name);
  if (known == NULL && labels->count == LABELS_MOST) {
    free(name);
    return fail("there are more than %d labels, the most that stores of profiles accept; leave some out", LABELS_MOST);
  }
  if (known != NULL) {
    free(known->name);
    free(known->value);
  }
  *(known != NULL ? known : &labels->list[labels->count++]) = (struct label){name, value_of(equals + 1)};
  return true;
}

void labels_default(struct labels *labels, const char *name, const char *value) {
  if (find(labels, name) != NULL || labels->count == LABELS_MOST) return;
  labels->list[labels->count++] = (struct label){must_copy(name), value_of(value)};
}

const char *labels_find(const struct labels *labels, const char *name) {
  const struct label *const label = find(labels, name);
  return label != NULL ? label->value : NULL;
}

void labels_copy(struct labels *to, const struct labels *from) {
  for (to->count = 0; to->count < from->count; to->count++) {
    to->list[to->count] = (struct label){must_copy(from->list[to->count].name), must_copy(from->list[to->count].value)};
  }
}

void labels_free(struct labels *labels) {
  for (size_t i = 0; i < labels->count; i++) {
    free(labels->list[i].name);
    free(labels->list[i].value);
  }
  labels->count = 0;
}
