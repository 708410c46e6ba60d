/*
 * replay FILE...: runs a target once on each input of these corpora, and on an empty one. A corpus has one input a line, in hexadecimal; a '#' begins a
 * comment. Compilers without libFuzzer link this main to the targets: what a fuzzer has found stays mended in every build.
 */
#include <ctype.h>

#include "input.h"

static unsigned done;

static unsigned digit(char c) { return isdigit((unsigned char)c) ? (unsigned)(c - '0') : (unsigned)(tolower((unsigned char)c) - 'a' + 10); }

static void run_line(const char *line) {
  const size_t length = strspn(line, "0123456789abcdefABCDEF") / 2;
  uint8_t *const bytes = malloc(length + 1); /* a sanitizer sees a read behind it but for one byte: an empty input has none */
  MUST(bytes != NULL);
  for (size_t i = 0; i < length; i++) bytes[i] = (uint8_t)(digit(line[2 * i]) << 4 | digit(line[2 * i + 1]));
  LLVMFuzzerTestOneInput(bytes, length);
  free(bytes);
  done++;
}

static void run_file(const char *path) {
  FILE *const file = fopen(path, "r");
  char *line = NULL;
  size_t room = 0;
  if (file == NULL) perror(path), exit(2);
  while (getline(&line, &room, file) > 0) {
    if (isxdigit((unsigned char)line[0])) run_line(line);
  }
  free(line);
  fclose(file);
}

int main(int count, char **paths) {
  run_line("");
  for (int i = 1; i < count; i++) run_file(paths[i]);
  printf("%u inputs\n", done);
  return 0;
}
