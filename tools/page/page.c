#include "page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "assets.h"
#include "common/error.h"
#include "model/model.h"
#include "src/platform/base.h"

#define NONCE 33 /* 16 random bytes in hexadecimal */

bool page_has_library(void) { return page_asset_library[0] != '\0'; }

static bool make_nonce(char *nonce) {
  unsigned char bytes[(NONCE - 1) / 2];
  if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) return fail("the kernel gave no random bytes: %s", strerror(errno));
  for (size_t i = 0; i < sizeof(bytes); i++) snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
  return true;
}

/* In JSON text, "<" and ">" are only in strings. */
static int write_json(const char *buffer, size_t size, void *out) {
  for (size_t i = 0; i < size; i++) {
    if (buffer[i] == '<' || buffer[i] == '>') fprintf(out, "\\u%04x", (unsigned)buffer[i]);
    else putc(buffer[i], out);
  }
  return ferror((FILE *)out) ? -1 : 0;
}

/* The licence stands in an element. */
static void write_text(FILE *out, const char *text) {
  for (; *text != '\0'; text++) {
    switch (*text) {
      case '<': fputs("&lt;", out); break;
      case '>': fputs("&gt;", out); break;
      case '&': fputs("&amp;", out); break;
      default: putc(*text, out);
    }
  }
}

static void write_part(FILE *out, const char *name, const json_t *data, const char *nonce) {
  if (strcmp(name, "NONCE") == 0) fputs(nonce, out);
  else if (strcmp(name, "DATA") == 0) json_dump_callback(data, write_json, out, JSON_COMPACT | JSON_ENSURE_ASCII);
  else if (strcmp(name, "LICENCE") == 0) write_text(out, page_asset_licence);
#define WRITE_ASSET(symbol, asset) else if (strcmp(name, asset) == 0) fputs(symbol, out);
  PAGE_ASSETS(WRITE_ASSET)
}

/* Copies the template, with parts in the place of their names. */
static void write_template(FILE *out, const json_t *data, const char *nonce) {
  const char *at = page_asset_template;
  for (const char *from; (from = strchr(at, '@')) != NULL;) {
    char name[16];
    const size_t length = strspn(from + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    fwrite(at, 1, (size_t)(from - at), out);
    if (length == 0 || length >= sizeof(name) || from[length + 1] != '@') {
      putc('@', out);
      at = from + 1;
      continue;
    }
    memcpy(name, from + 1, length);
    name[length] = '\0';
    write_part(out, name, data, nonce);
    at = from + length + 2;
  }
  fputs(at, out);
}

/* The tables of the source say what the members of the JSON mean. */
static json_t *meanings(void) {
  json_t *const buckets = json_object(), *const site = json_object(), *const losses = json_object(), *const stages = json_object();
#define SAY(object, name, meaning) json_object_set_new(object, #name, json_string(meaning));
#define SAY_BUCKET(name, meaning) SAY(buckets, name, meaning)
#define SAY_SITE(name, meaning) SAY(site, name, meaning)
#define SAY_LOSS(name, meaning) SAY(losses, name, meaning)
#define SAY_STAGE(name, meaning) SAY(stages, name, meaning)
  STATS_BUCKETS(SAY_BUCKET)
  STATS_SITE_FIGURES(SAY_SITE)
  MODEL_LOSSES(SAY_LOSS)
  REFILL_STAGES(SAY_STAGE)
  return json_pack("{sosososo}", "buckets", buckets, "site", site, "losses", losses, "stages", stages);
}

bool page_write(FILE *out, json_t *runs, json_t *diff) {
  char nonce[NONCE];
  json_t *const data = json_object();
  page_intern_stacks(data, runs);
  json_object_set_new(data, "version", json_string(HAKMEM_VERSION));
  json_object_set_new(data, "unit", json_integer((json_int_t)UNIT_SIZE));
  json_object_set_new(data, "meanings", meanings());
  json_object_set_new(data, "runs", runs);
  json_object_set_new(data, "diff", diff);
  const bool good = make_nonce(nonce);
  if (good) write_template(out, data, nonce);
  json_decref(data);
  return good && ((fflush(out) == 0 && !ferror(out)) || fail("%s", strerror(errno)));
}
