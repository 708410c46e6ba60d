/*
 * formats.c: from the name of a format to its writer, and where the output lies.
 */
#include <errno.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"
#include "export.h"

static const struct format {
  const char *name, *part, *end, *what;
  bool (*write)(FILE *out, const struct page *page, const struct export_options *o);
} formats[] = {
#define FORMAT_ENTRY(name, part, end, what) {#name, part, end, what, export_##name},
  EXPORT_FORMATS(FORMAT_ENTRY)};

void export_list(FILE *out) {
  for (size_t i = 0; i < EXPORT_COUNT; i++) fprintf(out, "--%-12s %s\n", formats[i].name, formats[i].what);
}

/* ---- Parts ---- */

void parts_add(struct export_parts *parts, const char *name) {
  parts->names = must_grow(parts->names, parts->count, &parts->capacity, sizeof(*parts->names));
  parts->names[parts->count++] = must_copy(name);
}

void parts_free(struct export_parts *parts) {
  for (size_t i = 0; i < parts->count; i++) free(parts->names[i]);
  free(parts->names);
  *parts = (struct export_parts){0};
}

bool parts_miss(const struct export_parts *parts, const char *what, const char *wanted) {
  struct nearest n = nearest_to(wanted != NULL ? wanted : "", wanted != NULL ? strlen(wanted) : 0);
  for (size_t i = 0; i < parts->count; i++) nearest_look(&n, parts->names[i]);
  char *list = must_copy(""), *const meant = nearest_text(&n, "");
  const char *of_class = NULL; /* an example stands for them: there are up to a hundred of each histogram */
  for (size_t i = 0; i < parts->count; i++) {
    const char *const dot = strrchr(parts->names[i], '.');
    if (dot != NULL && isdigit((unsigned char)dot[1])) {
      of_class = parts->names[i];
      continue;
    }
    must_list(&list, ", ", parts->names[i]);
  }
  if (of_class != NULL) {
    char *const longer = must_print("%s; and by class, as in %s", list, of_class);
    free(list);
    list = longer;
  }
  if (parts->count == 0) fail("the data have no %s", what);
  else if (wanted == NULL) fail("there are several; write them all into a directory with -o DIR, or choose one with --%s: %s", what, list);
  else fail("the data have no %s %s%s There are: %s", what, wanted, *meant != '\0' ? meant : ".", list);
  free(meant);
  free(list);
  return false;
}

/* ---- Files ---- */

static bool write_file(const struct format *f, const struct page *page, const struct export_options *o, const char *path) {
  FILE *const out = fopen(path, "w");
  if (out == NULL) return fail("cannot write %s: %s", path, strerror(errno));
  bool good = f->write(out, page, o);
  if (good && (fflush(out) != 0 || ferror(out))) good = fail("cannot write %s: %s", path, strerror(errno));
  if (fclose(out) != 0 && good) good = fail("cannot write %s: %s", path, strerror(errno));
  struct stat status;
  if (!good && lstat(path, &status) == 0 && S_ISREG(status.st_mode)) unlink(path);
  return good;
}

static bool write_parts(const struct format *f, const struct page *page, const struct export_options *o, const struct export_parts *parts, const char *path) {
  struct stat status;
  if (mkdir(path, 0777) != 0 && (errno != EEXIST || stat(path, &status) != 0 || !S_ISDIR(status.st_mode))) {
    return fail("cannot make the directory %s: %s", path, errno == EEXIST ? "a file of this name exists" : strerror(errno));
  }
  bool good = parts->count > 0 || fail("the data have no %s", f->part);
  for (size_t i = 0; good && i < parts->count; i++) {
    struct export_options one = *o;
    one.part = parts->names[i];
    char *const file = must_print("%s/%s.%s", path, parts->names[i], f->end);
    good = write_file(f, page, &one, file);
    free(file);
  }
  return good;
}

bool export_write(enum export_format format, const struct page *page, const struct export_options *o, const char *path) {
  const struct format *const f = &formats[format];
  const bool to_stdout = strcmp(path, "-") == 0;
  if (f->part[0] != '\0') {
    struct export_parts parts = {0};
    if (format == EXPORT_csv) parts_csv(&parts, page);
    else parts_hgrm(&parts, page);
    bool known = false;
    for (size_t i = 0; o->part != NULL && i < parts.count; i++) known |= strcmp(parts.names[i], o->part) == 0;
    const bool all = o->part == NULL && !to_stdout;
    const bool good = all ? write_parts(f, page, o, &parts, path) : known || parts_miss(&parts, f->part, o->part);
    parts_free(&parts);
    if (all || !good) return good;
  }
  if (!to_stdout) return write_file(f, page, o, path);
  if (!f->write(stdout, page, o)) return false;
  return (fflush(stdout) == 0 && !ferror(stdout)) || fail("cannot write to standard output");
}
