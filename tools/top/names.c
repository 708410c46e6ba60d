#include "names.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"
#include "common/sandbox.h"
#include "explain/explain.h"

#define UNKNOWN_PLACE "(no function of the program is known)"
#define LINE_MAX_LENGTH 4096
#define FINDINGS_SECONDS 10.0 /* each look for them takes some milliseconds of a processor */
#define FINDING 0             /* the number before a line of a finding, instead of a stack's */

struct name {
  uint32_t stack;
  char *text; /* NULL: not known yet */
  bool asked; /* the child that runs looks for it */
};

struct names {
  struct name *all;
  size_t count, capacity;
  char **findings, **coming; /* the last ones, and those of the child that runs */
  size_t finding_count, coming_count, coming_capacity;
  double next_findings; /* when to look for them again */
  bool findings_asked, findings_known;
  pid_t child; /* 0: none */
  int fd;
  char line[LINE_MAX_LENGTH];
  size_t length;
};

struct names *names_create(void) {
  struct names *const n = must_allocate(sizeof(*n));
  n->fd = -1;
  return n;
}

static void end_child(struct names *n) {
  if (n->child == 0) return;
  kill(n->child, SIGKILL);
  while (waitpid(n->child, NULL, 0) < 0 && errno == EINTR) {}
  close(n->fd);
  n->child = 0;
  n->fd = -1;
  n->length = 0;
}

static void free_lines(char **lines, size_t count) {
  for (size_t i = 0; i < count; i++) free(lines[i]);
  free(lines);
}

void names_destroy(struct names *n) {
  end_child(n);
  free_lines(n->findings, n->finding_count);
  free_lines(n->coming, n->coming_count);
  for (size_t i = 0; i < n->count; i++) free(n->all[i].text);
  free(n->all);
  free(n);
}

static struct name *find(struct names *n, uint32_t stack) {
  for (size_t i = 0; i < n->count; i++) {
    if (n->all[i].stack == stack) return &n->all[i];
  }
  return NULL;
}

const char *names_of(struct names *n, uint32_t stack) {
  if (stack == 0) return "(no stack)";
  const struct name *const known = find(n, stack);
  if (known != NULL) return known->text != NULL ? known->text : "...";
  n->all = must_grow(n->all, n->count, &n->capacity, sizeof(*n->all));
  n->all[n->count++] = (struct name){.stack = stack};
  return "...";
}

char *const *names_findings(struct names *n, double now, size_t *count) {
  if (now >= n->next_findings && n->child == 0) {
    n->findings_asked = true;
    n->next_findings = now + FINDINGS_SECONDS;
  }
  static char *const none[1];
  *count = n->finding_count;
  return !n->findings_known ? NULL : n->findings != NULL ? n->findings : none;
}

static void tell_findings(const struct watched *w, int fd) {
  struct diagnosis *const d = diagnosis_create(&w->page);
  for (size_t i = 0; i < d->finding_count; i++) {
    const struct finding *const f = d->findings[i];
    const struct remedy *const r = f->remedy_count > 0 ? &f->remedies[0] : NULL;
    char *const change = r == NULL ? must_copy("") : r->option != NULL ? must_print(" -> %s=%s", r->option, r->value) : must_print(" -> %s", r->what);
    dprintf(fd, "%d %.*s%.*s\n", FINDING, LINE_MAX_LENGTH / 2, f->what, LINE_MAX_LENGTH / 4, change);
    free(change);
  }
  diagnosis_destroy(d);
}

/* Of callers of one object, the last one names it. */
static void name_objects_once(char *place) {
  static const char in[] = " in ", next[] = " < ";
  for (char *at = strstr(place, in); at != NULL;) {
    char *const end = strstr(at, next);
    const char *const following = end != NULL ? strstr(end, in) : NULL;
    if (following == NULL) return;
    const size_t length = (size_t)(end - at);
    const bool is_same = strncmp(at, following, length) == 0 && (following[length] == '\0' || strncmp(following + length, next, strlen(next)) == 0);
    if (is_same) memmove(at, end, strlen(end) + 1);
    at = strstr(is_same ? at : end, in);
  }
}

/* "copy_name at names.c:12 < main at main.c:30", "copy_name < main in program": short enough for a row. */
static void shorten(char *place) {
  static const char long_form[] = ", called by ", short_form[] = " < ";
  for (char *at; (at = strstr(place, long_form)) != NULL;) {
    memcpy(at, short_form, strlen(short_form));
    memmove(at + strlen(short_form), at + strlen(long_form), strlen(at + strlen(long_form)) + 1);
  }
  name_objects_once(place);
}

static _Noreturn void be_child(const struct names *n, const struct watched *w, int fd, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(EXIT_FAILED);
  setrlimit(RLIMIT_CORE, &(const struct rlimit){0, 0});
  setrlimit(RLIMIT_CPU, &(const struct rlimit){SANDBOX_SECONDS, SANDBOX_SECONDS});
  sandbox_silence();
  const struct diagnosis look = {.page = &w->page, .r = w->page.stats}; /* no rule needs to run for a name */
  for (size_t i = 0; i < n->count; i++) {
    if (!n->all[i].asked) continue;
    char *const place = explain_place(&look, w->p, n->all[i].stack);
    if (place != NULL) shorten(place);
    dprintf(fd, "%" PRIu32 " %.*s\n", n->all[i].stack, LINE_MAX_LENGTH - 16, place != NULL ? place : UNKNOWN_PLACE);
    free(place);
  }
  if (n->findings_asked) tell_findings(w, fd);
  _exit(EXIT_DONE);
}

void names_look(struct names *n, const struct watched *w) {
  bool any = n->findings_asked;
  int ends[2];
  for (size_t i = 0; i < n->count; i++) any = any || n->all[i].text == NULL;
  if (!any || n->child != 0 || w->p == NULL || pipe2(ends, O_CLOEXEC) != 0) return;
  for (size_t i = 0; i < n->count; i++) n->all[i].asked = n->all[i].text == NULL;
  const pid_t parent = getpid();
  n->child = fork();
  if (n->child == 0) be_child(n, w, ends[1], parent);
  close(ends[1]);
  if (n->child > 0) {
    n->fd = ends[0];
    return;
  }
  n->child = 0;
  close(ends[0]);
}

int names_fd(const struct names *n) { return n->fd; }

static void take_line(struct names *n, const char *line) {
  char *text;
  const uint32_t stack = (uint32_t)strtoul(line, &text, 10);
  struct name *const name = find(n, stack);
  if (*text != ' ') return;
  if (stack == FINDING) {
    n->coming = must_grow(n->coming, n->coming_count, &n->coming_capacity, sizeof(*n->coming));
    n->coming[n->coming_count++] = must_copy(text + 1);
  } else if (name != NULL && name->text == NULL) {
    name->text = must_copy(text + 1);
  }
}

/* What the child did not tell, it never will: it has ended, or it crashed. */
static void finish(struct names *n) {
  end_child(n);
  for (size_t i = 0; i < n->count; i++) {
    if (n->all[i].asked && n->all[i].text == NULL) n->all[i].text = must_copy(UNKNOWN_PLACE);
  }
  if (!n->findings_asked) return;
  free_lines(n->findings, n->finding_count);
  n->findings = n->coming;
  n->finding_count = n->coming_count;
  n->coming = NULL;
  n->coming_count = n->coming_capacity = 0;
  n->findings_asked = false;
  n->findings_known = true;
}

void names_take(struct names *n) {
  const ssize_t got = read(n->fd, n->line + n->length, sizeof(n->line) - n->length);
  if (got <= 0) {
    finish(n);
    return;
  }
  n->length += (size_t)got;
  char *at = n->line;
  for (char *end; (end = memchr(at, '\n', n->length - (size_t)(at - n->line))) != NULL; at = end + 1) {
    *end = '\0';
    take_line(n, at);
  }
  n->length -= (size_t)(at - n->line);
  memmove(n->line, at, n->length);
}
