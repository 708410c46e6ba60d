/*
 * damages FILE SEED ROUNDS: writes nonsense behind the block of a statistics file, where the requests lie, again and again: random bytes, random counts,
 * requests of unknown kinds with texts that nearly are settings, without an end; and cuts the file. It ends with the counts as they should be.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "statistics/stats_block.h"

static struct control control;

static void fill_randomly(void *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) ((char *)bytes)[i] = (char)rand();
}

static void write_text(char *text) {
  static const char *const texts[] = {"PROFILE=4K", "PROFILE=", "PROFILE=99999999999999999999", "GUARD=-1", "LOG=drain,,ss", "LOG=%s%n",   "TRACE=full",
                                      "=",          "",         "STATS_INTERVAL=0x10",          "HAKMEM_",  "HAKMEM_=1",     "GUARD=1000", "PROFILE=0",
                                      "GUARD=0",    "LOG="};
  strcpy(text, texts[(size_t)rand() % (sizeof(texts) / sizeof(texts[0]))]);
  if (rand() % 4 == 0) memset(text + strlen(text), 'x', CONTROL_TEXT - strlen(text)); /* no end */
  if (rand() % 4 == 0) text[rand() % CONTROL_TEXT] = (char)rand();
}

static void damage(int fd) {
  const off_t at = sizeof(struct stats_block);
  switch (rand() % 4) {
    case 0: fill_randomly(&control, sizeof(control)); break;
    case 1: control.asked = (uint64_t)rand() << 33 | (uint64_t)rand(); break;
    case 2:
      if (ftruncate(fd, rand() % (int)(sizeof(struct stats_block) + sizeof(control))) != 0) exit(1);
      return;
    default:
      if (pread(fd, &control, sizeof(control), at) != (ssize_t)sizeof(control)) return;
      for (unsigned i = 0; i < CONTROL_SLOTS; i++) {
        control.requests[i] = (struct control_request){.kind = (uint32_t)rand() % 5, .for_ms = (uint32_t)rand() % 3 * 50};
        write_text(control.requests[i].text);
      }
      control.asked = control.done + (uint64_t)rand() % (CONTROL_SLOTS + 1);
  }
  if (pwrite(fd, &control, sizeof(control), at) != (ssize_t)sizeof(control)) exit(1);
}

int main(int count, char **arguments) {
  const int fd = count == 4 ? open(arguments[1], O_RDWR) : -1;
  if (fd < 0) return 1;
  srand((unsigned)atoi(arguments[2]));
  for (int i = atoi(arguments[3]); i > 0; i--) {
    damage(fd);
    usleep((useconds_t)rand() % 30000);
  }
  memset(&control, 0, sizeof(control));
  return pwrite(fd, &control, sizeof(control), sizeof(struct stats_block)) == (ssize_t)sizeof(control) ? 0 : 1;
}
