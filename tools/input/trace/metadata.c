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

/* Metadata begin with a few KiB that hold the environment; in packets, too, because it is small. */
#define ENVIRONMENT_WITHIN 16384
#define PROCESS_MARK "vpid = "
#define FLIGHT_MARK "domain = \"hakmem-flight\"" /* instrumentation/sinks/flight_metadata.c */

/* The text behind `mark` in the environment, copied to value[size]; false if it is not there. */
static bool find_in_environment(const char *directory, const char *mark, char *value, size_t size) {
  char *const path = must_print("%s/metadata", directory), *const text = must_allocate(ENVIRONMENT_WITHIN + 1);
  const int fd = regular_open(path);
  const ssize_t length = fd >= 0 ? pread(fd, text, ENVIRONMENT_WITHIN, 0) : 0;
  if (fd >= 0) close(fd);
  for (ssize_t i = 0; i < length; i++) { /* the headers of packets hold zeros */
    if (text[i] == '\0') text[i] = ' ';
  }
  const char *const environment = length > 0 ? strstr(text, "env {") : NULL, *const end = environment != NULL ? strchr(environment, '}') : NULL;
  const char *const found = end != NULL ? strstr(environment, mark) : NULL;
  const bool is_there = found != NULL && found < end;
  if (is_there) snprintf(value, size, "%s", found + strlen(mark));
  free(path);
  free(text);
  return is_there;
}

uint32_t metadata_process(const char *directory) {
  char value[16];
  return find_in_environment(directory, PROCESS_MARK, value, sizeof(value)) ? (uint32_t)strtoul(value, NULL, 10) : 0;
}

bool metadata_is_flight(const char *directory) {
  char value[1];
  return find_in_environment(directory, FLIGHT_MARK, value, sizeof(value));
}
