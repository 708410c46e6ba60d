#include "threads.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/memory.h"
#include "input/process/process.h"

#define THREADS_MAX 4096

static bool read_thread(int task, const char *name, struct thread *t) {
  char path[64], text[1024];
  uint64_t user, system;
  if (!process_is_id(name, &t->tid)) return false;
  snprintf(path, sizeof(path), "%" PRIu32 "/stat", t->tid);
  const int fd = openat(task, path, O_RDONLY | O_CLOEXEC);
  const ssize_t length = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
  if (fd >= 0) close(fd);
  if (length <= 0) return false;
  text[length] = '\0';
  const char *const from = strchr(text, '('), *const to = strrchr(text, ')');
  if (from == NULL || to == NULL || sscanf(to, ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %" SCNu64 " %" SCNu64, &t->state, &user, &system) != 3)
    return false;
  snprintf(t->name, sizeof(t->name), "%.*s", (int)(to - from - 1), from + 1);
  t->processor = (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
  return true;
}

static const struct thread *find(const struct threads *all, uint32_t tid) {
  for (size_t i = 0; i < all->count; i++) {
    if (all->list[i].tid == tid) return &all->list[i];
  }
  return NULL;
}

void threads_refresh(struct threads *all, uint32_t pid, double now) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%" PRIu32 "/task", pid);
  DIR *const task = opendir(path);
  if (task == NULL) return;
  struct threads new = {.as_of = now};
  for (const struct dirent *entry; new.count < THREADS_MAX && (entry = readdir(task)) != NULL;) {
    struct thread t = {0};
    if (!read_thread(dirfd(task), entry->d_name, &t)) continue;
    const struct thread *const old = find(all, t.tid);
    if (old != NULL && now > all->as_of) t.load = (t.processor - old->processor) / (now - all->as_of);
    new.list = must_grow(new.list, new.count, &new.capacity, sizeof(*new.list));
    new.list[new.count++] = t;
  }
  closedir(task);
  free(all->list);
  *all = new;
}
