/*
 * watch.c: a process image is one execve of one process. The pid and the start time identify the process. The start of its stack, which the kernel
 * randomises at each execve, identifies the image. A forked child has its parent's image, and the same verdict.
 */
#include "watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/error.h"
#include "library.h"
#include "common/memory.h"
#include "program.h"

#define PAUSE_NS 10000000u
#define PAUSE_MAX_NS 900000000u
#define SHARE 50    /* one part in this number of the time is spent looking */
#define PATIENCE 20 /* an image that lacks the library is reported after this many looks */
#define TEXT_MAX (16u << 20)

enum state { STATE_UNKNOWN, STATE_RECORDED, STATE_UNRECORDED };

struct process {
  pid_t pid, parent;
  uint64_t start, image;
  enum state state;
  unsigned looks;
  uint64_t round; /* the last round that saw it alive */
};

struct watch {
  struct process *processes;
  size_t count, capacity;
  uint64_t round;
  struct unrecorded_list found;
};

struct watch *watch_create(pid_t root) {
  struct watch *const w = must_allocate(sizeof(*w));
  w->processes = must_grow(w->processes, 0, &w->capacity, sizeof(*w->processes));
  w->processes[w->count++] = (struct process){.pid = root};
  return w;
}

void watch_destroy(struct watch *w) {
  if (w == NULL) return;
  unrecorded_free(&w->found);
  free(w->processes);
  free(w);
}

const struct unrecorded_list *watch_result(const struct watch *w) { return &w->found; }

/* The whole file of /proc, with a zero behind it; NULL if it is unreadable. The caller frees it. */
static char *read_proc(pid_t pid, const char *name, size_t *length) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  size_t size = 4096, done = 0;
  char *text = must_allocate(size);
  for (ssize_t got; done < TEXT_MAX && ((got = read(fd, text + done, size - done - 1)) > 0 || (got < 0 && errno == EINTR));) {
    if (got > 0) done += (size_t)got;
    if (size - done > 1) continue;
    char *const more = must_allocate(size * 2);
    memcpy(more, text, done);
    free(text);
    text = more;
    size *= 2;
  }
  close(fd);
  text[done] = '\0';
  *length = done;
  return text;
}

struct identity {
  uint64_t start, image; /* image 0: this process may not read it */
  bool ready;            /* the image has its environment, the last data that execve writes */
};

/* False if the process has ended. */
static bool identify(pid_t pid, struct identity *id) {
  size_t length;
  char *const text = read_proc(pid, "stat", &length);
  const char *const name_end = text != NULL ? strrchr(text, ')') : NULL; /* the name may hold any character */
  bool alive = false;
  if (name_end != NULL) {
    char state;
    uint64_t environment_end;
    alive = sscanf(name_end + 1,
                   " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64 " %*u %*d %*u %*u %*u %" SCNu64
                   " %*u %*u %*u %*u %*u %*u %*u %*u %*u %*d %*d %*u %*u %*u %*u %*d"
                   " %*u %*u %*u %*u %*u %*u %" SCNu64,
                   &state, &id->start, &id->image, &environment_end) == 4 &&
            state != 'Z' && state != 'X';
    id->ready = alive && environment_end != 0;
  }
  free(text);
  return alive;
}

static struct process *find(struct watch *w, pid_t pid) {
  for (size_t i = 0; i < w->count; i++) {
    if (w->processes[i].pid == pid) return &w->processes[i];
  }
  return NULL;
}

/* Adds a new child to the list; known ones are looked at anyway. */
static void add_child(struct watch *w, pid_t pid, pid_t parent) {
  if (find(w, pid) != NULL) return;
  w->processes = must_grow(w->processes, w->count, &w->capacity, sizeof(*w->processes));
  w->processes[w->count++] = (struct process){.pid = pid, .parent = parent};
}

static void add_children(struct watch *w, pid_t pid) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
  DIR *const threads = opendir(path);
  if (threads == NULL) return;
  for (const struct dirent *entry; (entry = readdir(threads)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    char name[sizeof("task//children") + NAME_MAX];
    size_t length;
    snprintf(name, sizeof(name), "task/%s/children", entry->d_name);
    char *const text = read_proc(pid, name, &length);
    char *at = text, *end;
    for (long child; at != NULL && (child = strtol(at, &end, 10)) > 0; at = end) add_child(w, (pid_t)child, pid);
    free(text);
  }
  closedir(threads);
}

/* Whether the process's initial environment preloads the library; true also if that is unknown. */
static bool is_preloaded(pid_t pid) {
  size_t length;
  char *const text = read_proc(pid, "environ", &length);
  bool preloaded = text == NULL;
  for (size_t at = 0; text != NULL && at < length; at += strlen(text + at) + 1) {
    if (strncmp(text + at, "LD_PRELOAD=", 11) == 0 && strstr(text + at, LIBRARY_ALLOCATOR) != NULL) preloaded = true;
  }
  free(text);
  return preloaded;
}

/* If this process may not read a process's /proc, that one has other rights if its effective user differs from its real one. */
static bool has_other_rights(pid_t pid) {
  size_t length;
  char *const text = read_proc(pid, "status", &length);
  const char *const line = text != NULL ? strstr(text, "\nUid:") : NULL;
  unsigned real, effective;
  const bool other = line != NULL && sscanf(line + 5, "%u %u", &real, &effective) == 2 && real != effective;
  free(text);
  return other;
}

static void claim(struct watch *w, struct process *p, const char *why) {
  char link[64], path[PATH_MAX];
  snprintf(link, sizeof(link), "/proc/%d/exe", (int)p->pid);
  ssize_t length = readlink(link, path, sizeof(path) - 1);
  if (length > 0) path[length] = '\0';
  size_t size = 0;
  char *const name = length > 0 ? must_copy(path) : read_proc(p->pid, "comm", &size);
  struct identity now; /* all data are of one image, else there is no verdict */
  if (name != NULL && identify(p->pid, &now) && now.start == p->start && now.image == p->image) {
    name[strcspn(name, "\n")] = '\0';
    p->state = STATE_UNRECORDED;
    unrecorded_add(&w->found, (uint32_t)p->pid, name, why);
  }
  free(name);
}

/*
 * The library's mapping is checked first and last. A process that changed its title has overwritten its environment, but its loader ran long
 * before. An image that is just starting gets the library between two looks.
 */
static void judge(struct watch *w, struct process *p, bool ready) {
  size_t length;
  char *const maps = read_proc(p->pid, "maps", &length);
  p->looks++;
  if (maps == NULL || length == 0) {
    if (has_other_rights(p->pid)) claim(w, p, "is set-uid: the loader ignores LD_PRELOAD");
    free(maps);
    return;
  }
  const bool loaded = strstr(maps, "/" LIBRARY_ALLOCATOR) != NULL;
  free(maps);
  char link[64];
  snprintf(link, sizeof(link), "/proc/%d/exe", (int)p->pid);
  if (loaded) {
    p->state = STATE_RECORDED;
  } else if (!ready) {
    return;
  } else if (!program_file_check(link)) {
    claim(w, p, failure());
  } else if (!is_preloaded(p->pid)) {
    claim(w, p, "was started without LD_PRELOAD in its environment");
  } else if (p->looks < PATIENCE) {
    return;
  } else if (program_has_library(link)) {
    p->state = STATE_RECORDED;
  } else {
    claim(w, p, "has LD_PRELOAD in its environment, but its loader did not load the library");
  }
}

/* For a forked child that has not called exec yet. */
static bool inherit(struct watch *w, struct process *p) {
  const struct process *const parent = find(w, p->parent);
  if (parent == NULL || parent->image != p->image || parent->image == 0 || parent->state == STATE_UNKNOWN) return false;
  if (parent->state == STATE_UNRECORDED) {
    for (size_t i = 0; i < w->found.count; i++) {
      const struct unrecorded *const of = &w->found.entries[i];
      if (of->pid == (uint32_t)parent->pid) {
        char *const program = must_copy(of->program), *const why = must_copy(of->why);
        unrecorded_add(&w->found, (uint32_t)p->pid, program, why);
        free(program);
        free(why);
        break;
      }
    }
  }
  p->state = parent->state;
  return true;
}

static void look_at(struct watch *w, size_t index) {
  struct identity id;
  struct process *const p = &w->processes[index];
  if (!identify(p->pid, &id)) return;
  const bool is_new = p->start == 0;
  if (!is_new && p->start != id.start) return; /* the pid belongs to another process now; its parent will lead to it */
  p->start = id.start;
  p->round = w->round;
  if (is_new || p->image != id.image) {
    p->image = id.image;
    p->state = STATE_UNKNOWN;
    p->looks = 0;
    if (is_new && inherit(w, p)) return;
  }
  if (p->state == STATE_UNKNOWN) judge(w, p, id.ready);
}

/* Processor time: a busy machine does not make the pauses longer. */
static uint64_t spent_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t watch_look(struct watch *w) {
  const uint64_t before = spent_ns();
  w->round++;
  for (size_t i = 0; i < w->count; i++) { /* the list grows by the children found in the loop */
    look_at(w, i);
    if (w->processes[i].round == w->round) add_children(w, w->processes[i].pid);
  }
  size_t kept = 0;
  for (size_t i = 0; i < w->count; i++) {
    if (w->processes[i].round == w->round) w->processes[kept++] = w->processes[i];
  }
  w->count = kept;
  const uint64_t cost = spent_ns() - before;
  const uint64_t pause = cost * SHARE;
  return pause < PAUSE_NS ? PAUSE_NS : pause > PAUSE_MAX_NS ? PAUSE_MAX_NS : pause;
}
