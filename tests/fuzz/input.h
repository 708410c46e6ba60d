/*
 * input.h: what the targets have in common: numbers, texts and files from the bytes of an input. Behind its end, an input is zeros.
 */
#ifndef HAKMEM_FUZZ_INPUT_H
#define HAKMEM_FUZZ_INPUT_H

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The entry that libFuzzer and replay.c call. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

struct input {
  const uint8_t *at, *end;
};

/* Ends the process like an assertion, in every build: the fuzzer keeps the input. */
#define MUST(condition) \
  do { \
    if (!(condition)) { \
      fprintf(stderr, "%s:%d: does not hold: %s\n", __FILE__, __LINE__, #condition); \
      abort(); \
    } \
  } while (0)

static inline size_t input_left(const struct input *in) { return (size_t)(in->end - in->at); }

static inline uint64_t input_number(struct input *in, unsigned bytes) {
  uint64_t number = 0;
  for (unsigned i = 0; i < bytes; i++) number |= (in->at < in->end ? (uint64_t)*in->at++ : 0) << 8 * i;
  return number;
}

static inline void input_copy(struct input *in, void *into, size_t size) {
  const size_t count = input_left(in) < size ? input_left(in) : size;
  memset(into, 0, size);
  if (count > 0) memcpy(into, in->at, count);
  in->at += count;
}

/* The bytes up to the next line's end, or the end of the input, as a text of its own: a sanitizer sees each read behind it. The caller frees it. */
static inline char *input_line(struct input *in) {
  const uint8_t *const end = input_left(in) > 0 ? memchr(in->at, '\n', input_left(in)) : NULL;
  const size_t length = end != NULL ? (size_t)(end - in->at) : input_left(in);
  char *const text = malloc(length + 1);
  MUST(text != NULL);
  if (length > 0) memcpy(text, in->at, length);
  text[length] = '\0';
  in->at += length + (end != NULL ? 1 : 0);
  return text;
}

/* A file with these bytes, which has no name: "/proc/self/fd/N". One at a time; it is executable. */
static inline const char *input_file(const void *bytes, size_t size) {
  static char path[32];
  static int fd = -1;
  if (fd < 0) fd = memfd_create("fuzz", MFD_CLOEXEC);
  MUST(fd >= 0 && ftruncate(fd, 0) == 0 && pwrite(fd, bytes, size, 0) == (ssize_t)size);
  snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
  return path;
}

#endif
