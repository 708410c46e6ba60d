#include "process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"
#include "alive.h"

#define ENTRIES 512                      /* of the pagemap, read at once */
#define PAGE_TOUCHED ((uint64_t)3 << 62) /* in memory, or swapped */
#define PAGE_PRESENT ((uint64_t)1 << 63)

bool process_is_id(const char *text, uint32_t *pid) {
  char *end;
  const unsigned long number = strtoul(text, &end, 10);
  *pid = (uint32_t)number;
  return *text >= '1' && *text <= '9' && *end == '\0' && number <= INT32_MAX;
}

/* ---- Its statistics file. ---- */

/* Whether the file is a statistics file, and that of the process: a descriptor of a file of another one may have been passed on. */
static bool is_stats_of(const char *path, uint32_t pid) {
  char magic[sizeof(STATS_MAGIC) - 1];
  struct stat status;
  uint32_t holder;
  if (stat(path, &status) != 0 || !S_ISREG(status.st_mode)) return false; /* opening anything else might have an effect */
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) return false;
  const bool is = pread(fd, magic, sizeof(magic), 0) == (ssize_t)sizeof(magic) && memcmp(magic, STATS_MAGIC, sizeof(magic)) == 0 &&
                  alive_writer(fd, &holder) != ALIVE_NO && holder == pid;
  close(fd);
  return is;
}

/* The file's name, if that leads to it from here; else the descriptor's. */
static char *name_of(const char *link) {
  char name[PATH_MAX];
  struct stat by_link, by_name;
  const ssize_t length = readlink(link, name, sizeof(name) - 1);
  if (length <= 0) return must_copy(link);
  name[length] = '\0';
  const bool same = stat(link, &by_link) == 0 && stat(name, &by_name) == 0 && by_link.st_dev == by_name.st_dev && by_link.st_ino == by_name.st_ino;
  return must_copy(same ? name : link);
}

char *process_stats_path(uint32_t pid) {
  char *const directory = must_print("/proc/%" PRIu32 "/fd", pid), *found = NULL;
  DIR *const files = opendir(directory);
  const int error = errno;
  for (const struct dirent *entry; files != NULL && found == NULL && (entry = readdir(files)) != NULL;) {
    char *const link = must_print("%s/%s", directory, entry->d_name);
    if (is_stats_of(link, pid)) found = name_of(link);
    free(link);
  }
  if (files != NULL) closedir(files);
  free(directory);
  if (files == NULL && error == ENOENT) fail("there is neither a file nor a process %" PRIu32, pid);
  else if (files == NULL) fail("cannot look at process %" PRIu32 ": %s", pid, strerror(error));
  else if (found == NULL) fail("process %" PRIu32 " keeps no statistics; start it with hakmem run, or with HAKMEM_STATS_FILE in its environment", pid);
  return found;
}

void process_each(void (*use)(void *context, uint32_t pid, const char *stats_path), void *context) {
  DIR *const proc = opendir("/proc");
  struct stat status;
  uint32_t pid;
  for (const struct dirent *entry; proc != NULL && (entry = readdir(proc)) != NULL;) {
    if (!process_is_id(entry->d_name, &pid)) continue;
    if (fstatat(dirfd(proc), entry->d_name, &status, 0) != 0 || status.st_uid != geteuid()) continue;
    char *const path = process_stats_path(pid);
    if (path != NULL) use(context, pid, path);
    free(path);
  }
  if (proc != NULL) closedir(proc);
}

/* ---- Its memory. ---- */

int process_open(struct process *p, uint32_t pid) {
  char path[64];
  snprintf(path, sizeof(path), "/proc/%" PRIu32 "/pagemap", pid);
  *p = (struct process){.pid = (pid_t)pid, .pages = open(path, O_RDONLY | O_CLOEXEC)};
  return p->pages >= 0 || errno == ENOENT ? 0 : errno; /* not each kernel has it */
}

void process_close(struct process *p) {
  if (p->pages >= 0) close(p->pages);
}

int process_read(const struct process *p, uint64_t address, void *into, size_t size) {
  const struct iovec local = {into, size}, remote = {(void *)(uintptr_t)address, size};
  const ssize_t got = process_vm_readv(p->pid, &local, 1, &remote, 1, 0);
  return got == (ssize_t)size ? 0 : got < 0 ? errno : EFAULT;
}

static uint64_t page_size(void) { return (uint64_t)sysconf(_SC_PAGESIZE); }

/* Up to ENTRIES entries from the page of `address` on; what the kernel does not give is as of pages that are there. */
static void read_entries(const struct process *p, uint64_t address, uint64_t *entries, size_t count) {
  const ssize_t got = pread(p->pages, entries, count * sizeof(*entries), (off_t)(address / page_size() * sizeof(*entries)));
  for (size_t i = got > 0 ? (size_t)got / sizeof(*entries) : 0; i < count; i++) entries[i] = PAGE_TOUCHED;
}

/* Visits [address, address + size) page by page; a page may begin before it, or end behind it. */
typedef int visit_page(const struct process *p, uint64_t start, uint64_t end, uint64_t entry, void *context);
static int each_page(const struct process *p, uint64_t address, uint64_t size, visit_page *visit, void *context) {
  const uint64_t page = page_size(), end = address + size;
  uint64_t entries[ENTRIES];
  int error = 0;
  for (uint64_t at = address - address % page; at < end && error == 0; at += ENTRIES * page) {
    const uint64_t left = (end - at + page - 1) / page, count = left < ENTRIES ? left : ENTRIES;
    read_entries(p, at, entries, count);
    for (uint64_t i = 0; i < count && error == 0; i++) {
      const uint64_t from = at + i * page, to = from + page;
      error = visit(p, from > address ? from : address, to < end ? to : end, entries[i], context);
    }
  }
  return error;
}

/* The pages that follow one another and were touched, up to `end`, are read at once. */
struct touched {
  char *into;
  uint64_t address, start, end;
};

static int read_run(const struct process *p, struct touched *run) {
  const int error = run->end > run->start ? process_read(p, run->start, run->into + (run->start - run->address), run->end - run->start) : 0;
  run->start = run->end;
  return error;
}

static int visit_touched(const struct process *p, uint64_t start, uint64_t end, uint64_t entry, void *context) {
  struct touched *const run = context;
  if ((entry & PAGE_TOUCHED) == 0) return 0;
  if (run->end == start) {
    run->end = end;
    return 0;
  }
  const int error = read_run(p, run);
  run->start = start;
  run->end = end;
  return error;
}

int process_read_touched(const struct process *p, uint64_t address, void *into, size_t size) {
  struct touched run = {into, address, address, address};
  memset(into, 0, size);
  const int error = each_page(p, address, size, visit_touched, &run);
  return error != 0 ? error : read_run(p, &run);
}

static int visit_resident(const struct process *p, uint64_t start, uint64_t end, uint64_t entry, void *context) {
  (void)p;
  if ((entry & PAGE_PRESENT) != 0) *(uint64_t *)context += end - start;
  return 0;
}

uint64_t process_resident(const struct process *p, uint64_t address, uint64_t size) {
  uint64_t resident = 0;
  each_page(p, address, size, visit_resident, &resident);
  return resident;
}

void process_thread_name(const struct process *p, uint32_t tid, char name[STATS_THREAD_NAME]) {
  char path[64];
  memset(name, 0, STATS_THREAD_NAME);
  snprintf(path, sizeof(path), "/proc/%d/task/%" PRIu32 "/comm", p->pid, tid);
  FILE *const file = tid != 0 ? fopen(path, "re") : NULL;
  if (file == NULL) return;
  if (fgets(name, STATS_THREAD_NAME, file) == NULL) name[0] = '\0';
  name[strcspn(name, "\n")] = '\0';
  fclose(file);
}

/* ---- Its mappings. ---- */

struct names {
  struct stats_mapping *list;
  size_t count, capacity;
};

static size_t place_of(struct names *names, const char *name) {
  for (size_t i = 0; i < names->count; i++) {
    if (strcmp(names->list[i].name, name) == 0) return i;
  }
  names->list = must_grow(names->list, names->count, &names->capacity, sizeof(*names->list));
  memset(&names->list[names->count], 0, sizeof(*names->list));
  snprintf(names->list[names->count].name, STATS_TEXT, "%s", name);
  return names->count++;
}

static int by_resident(const void *a, const void *b) {
  const struct stats_mapping *const x = a, *const y = b;
  return x->resident != y->resident ? (x->resident < y->resident ? 1 : -1) : strcmp(x->name, y->name);
}

/* As instrumentation/snapshots/mappings.c. */
void process_mappings(const struct process *p, struct stats_mapping mappings[STATS_MAPPINGS]) {
  char path[64], *line = NULL, access[8];
  struct names names = {0};
  size_t size = 0, current = 0;
  bool is_guard = false;
  memset(mappings, 0, STATS_MAPPINGS * sizeof(*mappings));
  snprintf(path, sizeof(path), "/proc/%d/smaps", p->pid);
  FILE *const file = fopen(path, "re");
  if (file == NULL) return;
  while (getline(&line, &size, file) > 0) {
    uint64_t kib;
    int name_at = 0;
    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%*x-%*x %7s %*s %*s %*s %n", access, &name_at) == 1 && name_at > 0) {
      const char *const name = line + name_at;
      const bool after_guard = is_guard;
      is_guard = strncmp(access, "---", 3) == 0 && *name == '\0';
      current = place_of(&names, *name != '\0' ? name : after_guard && !is_guard ? STATS_MAPPING_STACKS : STATS_MAPPING_ANONYMOUS);
    } else if (names.count > 0 && sscanf(line, "Rss: %" SCNu64, &kib) == 1) {
      names.list[current].resident += kib * 1024;
    }
  }
  fclose(file);
  free(line);
  if (names.count > 1) qsort(names.list, names.count, sizeof(*names.list), by_resident);
  for (size_t i = 0; i < names.count && i < STATS_MAPPINGS && names.list[i].resident > 0; i++) mappings[i] = names.list[i];
  free(names.list);
}

bool process_resident_set(const struct process *p, uint64_t *all, uint64_t *files, uint64_t *most) {
  char path[64], *line = NULL;
  size_t size = 0;
  unsigned found = 0;
  uint64_t of_files, shared;
  snprintf(path, sizeof(path), "/proc/%d/status", p->pid);
  FILE *const file = fopen(path, "re");
  if (file == NULL) return false;
  while (getline(&line, &size, file) >= 0) {
    found += sscanf(line, "VmHWM: %" SCNu64, most) == 1;
    found += sscanf(line, "VmRSS: %" SCNu64, all) == 1;
    found += sscanf(line, "RssFile: %" SCNu64, &of_files) == 1;
    found += sscanf(line, "RssShmem: %" SCNu64, &shared) == 1;
  }
  fclose(file);
  free(line);
  if (found != 4) return false;
  *most *= 1024;
  *all *= 1024;
  *files = (of_files + shared) * 1024;
  return true;
}
