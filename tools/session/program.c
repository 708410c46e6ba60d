/*
 * program.c: the reasons why LD_PRELOAD has no effect, from the same data that the kernel and the loader use:
 *
 *   no PT_INTERP          no loader runs in the process: linked statically (or it is the loader itself, or hakmem::api is linked into it, which
 *                         is fine)
 *   class, machine        the loader takes other libraries: 32 bits, another processor
 *   a loader not glibc's  musl: it would load the library, which needs glibc
 *   set-uid, set-gid, file capabilities   glibc's loader ignores the user's LD_PRELOAD
 */
#include "program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "instrumentation/statistics/stats_block.h"
#include "common/error.h"
#include "common/memory.h"

#define SHELL "/bin/sh" /* execvp runs a file with it that the kernel cannot execute */
#define SCRIPTS_MAX 5   /* the kernel follows #! this often */
#define SCRIPT_LINE 256
#define HEADERS_MAX 1024
#define SEARCH_MAX (1 << 30)       /* the most bytes of a file that are searched */
#define GLIBC_MARK "GLIBC_PRIVATE" /* a version of symbols that glibc's loader defines */

#if defined __x86_64__
#define OWN_MACHINE EM_X86_64
#elif defined __aarch64__
#define OWN_MACHINE EM_AARCH64
#else
#define OWN_MACHINE EM_NONE /* not compared */
#endif

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OWN_BYTE_ORDER ELFDATA2LSB
#else
#define OWN_BYTE_ORDER ELFDATA2MSB
#endif

static bool read_at(int fd, void *into, size_t size, uint64_t offset) { return offset <= INT64_MAX && pread(fd, into, size, (off_t)offset) == (ssize_t)size; }

/* The program's loader; "" if it has none, NULL if the file does not tell. The caller frees it. */
static char *loader_of(int fd, const Elf64_Ehdr *header) {
  if (header->e_phentsize != sizeof(Elf64_Phdr) || header->e_phnum > HEADERS_MAX) return NULL;
  for (unsigned i = 0; i < header->e_phnum; i++) {
    Elf64_Phdr segment;
    if (!read_at(fd, &segment, sizeof(segment), header->e_phoff + i * sizeof(segment))) return NULL;
    if (segment.p_type != PT_INTERP) continue;
    if (segment.p_filesz < 2 || segment.p_filesz > PATH_MAX) return NULL;
    char *const path = must_allocate(segment.p_filesz + 1);
    if (read_at(fd, path, segment.p_filesz, segment.p_offset)) return path;
    free(path);
    return NULL;
  }
  return must_copy("");
}

/* Whether the file holds the text, its end included; `otherwise` if it is unreadable. */
static bool holds(const char *path, const char *mark, bool otherwise) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat status;
  if (fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size > 0 && status.st_size <= SEARCH_MAX) {
    const size_t size = (size_t)status.st_size;
    void *const text = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (text != MAP_FAILED) {
      otherwise = memmem(text, size, mark, strlen(mark) + 1) != NULL;
      munmap(text, size);
    }
  }
  if (fd >= 0) close(fd);
  return otherwise;
}

static bool is_glibc(const char *path) { return holds(path, GLIBC_MARK, true); }

bool program_has_library(const char *path) { return holds(path, STATS_MARK, false); }

/* The loader itself has no loader, but preloads libraries into the program that it gets as an argument. */
static bool is_loader(const char *path) {
  char *const whole = realpath(path, NULL);
  const char *const slash = whole != NULL ? strrchr(whole, '/') : NULL;
  const bool loader = slash != NULL && (strncmp(slash, "/ld-", 4) == 0 || strncmp(slash, "/ld.so", 6) == 0);
  free(whole);
  return loader && is_glibc(path);
}

static bool check_loader(int fd, const Elf64_Ehdr *header, const char *path) {
  char *const loader = loader_of(fd, header);
  if (loader == NULL) return true;
  bool good = true;
  if (*loader == '\0') {
    if (!is_loader(path) && !program_has_library(path)) {
      good = fail("is linked statically: no library can be loaded into it");
    }
  } else if (!is_glibc(loader)) {
    good = fail("is a program of %s (%s): the library is for glibc", strstr(loader, "musl") != NULL ? "musl" : "a C library other than glibc", loader);
  }
  free(loader);
  return good;
}

static bool check_elf(int fd, const char *path) {
  Elf64_Ehdr header; /* a 32-bit header has the same fields, as far as they are read */
  if (!read_at(fd, &header, sizeof(Elf32_Ehdr), 0)) return true;
  if (header.e_ident[EI_CLASS] == ELFCLASS32) return fail("is a 32-bit program: the library has 64 bits");
  if (header.e_ident[EI_DATA] != OWN_BYTE_ORDER || (OWN_MACHINE != EM_NONE && header.e_machine != OWN_MACHINE)) {
    return fail("is a program for another processor than the library");
  }
  return !read_at(fd, &header, sizeof(header), 0) || check_loader(fd, &header, path);
}

/* Whether the process would get other rights than this one; then the loader ignores LD_PRELOAD. */
static bool check_rights(int fd, const struct stat *status) {
  struct statvfs system;
  if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 || (fstatvfs(fd, &system) == 0 && (system.f_flag & ST_NOSUID) != 0)) return true;
  const char *what = NULL;
  if ((status->st_mode & S_ISUID) != 0 && status->st_uid != getuid()) what = "set-uid";
  if ((status->st_mode & S_ISGID) != 0 && (status->st_mode & S_IXGRP) != 0 && status->st_gid != getgid()) what = "set-gid";
  if (what == NULL && getuid() != 0 && fgetxattr(fd, "security.capability", NULL, 0) > 0) what = "given capabilities";
  return what == NULL || fail("is %s: the loader ignores LD_PRELOAD", what);
}

/* The interpreter of the script; NULL if the file is not a script. The caller frees it. */
static char *interpreter_of(int fd) {
  char line[SCRIPT_LINE + 1];
  const ssize_t got = pread(fd, line, SCRIPT_LINE, 0);
  if (got < 2 || line[0] != '#' || line[1] != '!') return NULL;
  line[got] = '\0';
  char *const start = line + 2 + strspn(line + 2, " \t");
  start[strcspn(start, " \t\n")] = '\0';
  return must_copy(start);
}

static bool check_file(const char *path, unsigned scripts) {
  const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (fd < 0) {
    struct stat status;
    if (errno != EACCES || stat(path, &status) != 0 || (status.st_mode & S_ISUID) == 0 || status.st_uid == getuid()) return true;
    return fail("is set-uid: the loader ignores LD_PRELOAD");
  }
  struct stat status;
  unsigned char magic[SELFMAG];
  char *interpreter = NULL;
  bool good = true;
  if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0) {
    if (read_at(fd, magic, sizeof(magic), 0) && memcmp(magic, ELFMAG, SELFMAG) == 0) {
      good = check_elf(fd, path) && check_rights(fd, &status);
    } else {
      interpreter = interpreter_of(fd);
      if (interpreter == NULL) interpreter = must_copy(SHELL);
    }
  }
  close(fd);
  if (interpreter != NULL && scripts > 0 && !check_file(interpreter, scripts - 1)) {
    good = fail("is a script whose interpreter %s %s", interpreter, failure());
  }
  free(interpreter);
  return good;
}

bool program_file_check(const char *path) { return check_file(path, SCRIPTS_MAX); }

bool program_check(const char *name) {
  if (strchr(name, '/') != NULL || *name == '\0') return program_file_check(name) || fail("%s %s", name, failure());
  const char *at = getenv("PATH");
  if (at == NULL) at = "/bin:/usr/bin";
  for (;; at++) {
    const size_t length = strcspn(at, ":");
    char *const path = must_print("%.*s%s%s", (int)length, at, length > 0 ? "/" : "", name);
    struct stat status;
    const bool found = stat(path, &status) == 0 && S_ISREG(status.st_mode) && faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
    const bool good = !found || program_file_check(path) || fail("%s %s", path, failure());
    free(path);
    at += length;
    if (found || *at == '\0') return good;
  }
}
