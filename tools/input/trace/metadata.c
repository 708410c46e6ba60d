/*
 * Packets of metadata, as the Common Trace Format 1.8 has them (https://diamon.org/ctf/v1.8.3/, 7.1):
 *
 *   0      4         20         24             28            32                 37
 *   magic  uuid[16]  checksum   content size   packet size   five single bytes  text ...
 *                               in bits        in bits
 */
#include "metadata.h"

#include <byteswap.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "common/memory.h"
#include "common/regular.h"

#define MAGIC UINT32_C(0x75d11d57)
#define TEXT_MARK "/* CTF"
#define CONTENT_AT 24
#define HEADER_SIZE 37

static uint32_t word(const unsigned char *at, bool swapped) {
  uint32_t value;
  memcpy(&value, at, sizeof(value));
  return swapped ? bswap_32(value) : value;
}

static bool check_packets(int fd, uint64_t size, const char *path) {
  for (uint64_t at = 0; at < size;) {
    unsigned char header[HEADER_SIZE];
    if (size - at < sizeof(header) || pread(fd, header, sizeof(header), (off_t)at) != (ssize_t)sizeof(header)) {
      return fail("%s is cut off", path);
    }
    const bool swapped = word(header, false) == bswap_32(MAGIC);
    if (word(header, swapped) != MAGIC) return fail("%s is not metadata of a trace in the Common Trace Format 1.8, or damaged", path);
    const uint64_t content = word(header + CONTENT_AT, swapped), packet = word(header + CONTENT_AT + 4, swapped);
    if (content > packet || content / 8 < HEADER_SIZE || packet % 8 != 0) return fail("%s is damaged", path);
    if (packet / 8 > size - at) return fail("%s is cut off", path);
    at += packet / 8;
  }
  return true;
}

bool metadata_check(const char *directory) {
  char *const path = must_print("%s/metadata", directory);
  const int fd = regular_open(path);
  struct stat status;
  char mark[sizeof(TEXT_MARK) - 1];
  bool good = false;
  if (fd >= 0 && fstat(fd, &status) == 0) {
    if (status.st_size == 0) {
      fail("%s is empty: nothing was traced, or the trace was not closed", path);
    } else if (pread(fd, mark, sizeof(mark), 0) == (ssize_t)sizeof(mark) && memcmp(mark, TEXT_MARK, sizeof(mark)) == 0) {
      good = true;
    } else {
      good = check_packets(fd, (uint64_t)status.st_size, path);
    }
  }
  if (fd >= 0) close(fd);
  free(path);
  return good;
}

/* Metadata begin with a few KiB that hold the environment and the clock; in packets, too, because they are small. */
#define BEGINNING 16384
#define FLIGHT_MARK "domain = \"hakmem-flight\"" /* instrumentation/sinks/flight_metadata.c */

/* What stands behind `mark` in the block that `begin` opens; NULL if it has no such mark. */
static const char *value_of(const char *text, const char *begin, const char *mark) {
  const char *const block = strstr(text, begin), *const end = block != NULL ? strchr(block, '}') : NULL;
  const char *const found = end != NULL ? strstr(block, mark) : NULL;
  return found != NULL && found < end ? found + strlen(mark) : NULL;
}

static void copy_quoted(char *into, size_t size, const char *from) {
  if (from != NULL) snprintf(into, size, "%.*s", (int)strcspn(from, "\"\n"), from);
}

struct metadata_origin metadata_origin(const char *directory) {
  char *const path = must_print("%s/metadata", directory), *const text = must_allocate(BEGINNING + 1);
  const int fd = regular_open(path);
  const ssize_t length = fd >= 0 ? pread(fd, text, BEGINNING, 0) : 0;
  struct metadata_origin origin = {0};
  if (fd >= 0) close(fd);
  for (ssize_t i = 0; i < length; i++) { /* the headers of packets hold zeros */
    if (text[i] == '\0') text[i] = ' ';
  }
  const char *const pid = value_of(text, "env {", "vpid = ");
  if (pid != NULL) origin.pid = (uint32_t)strtoul(pid, NULL, 10);
  origin.is_flight = value_of(text, "env {", FLIGHT_MARK) != NULL;
  copy_quoted(origin.host, sizeof(origin.host), value_of(text, "env {", "hostname = \""));
  copy_quoted(origin.clock, sizeof(origin.clock), value_of(text, "clock {", "uuid = \""));
  free(path);
  free(text);
  return origin;
}
