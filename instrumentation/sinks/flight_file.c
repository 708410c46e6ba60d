/*
 * flight_file.c: the directory of HAKMEM_FLIGHT_FILE. One thread at a time calls it.
 *
 *   on disk:  metadata    text; there as soon as the directory is a trace
 *             events.N    packets of one page each, in the order of time; the files of the highest FILES numbers
 *
 * Nothing that exists is ever opened: the directory and each file are made anew, or the recording ends. The number of a descriptor is not trusted either
 * (file.h). A file that another process has shortened is given up: the packet is written to the next file.
 */
#include <string.h>

#include "src/platform/config.h"
#include "src/platform/file.h"
#include "src/platform/message.h"
#include "src/platform/syscall.h"
#include "base/clock.h"
#include "flight_file.h"
#include "flight_metadata.h"

#define MAGIC UINT32_C(0xc1fc1fc1)
#define FILES 4 /* at most, together they have HAKMEM_FLIGHT_SIZE */
#define NAMES 100
#define METADATA_MAX (24 * KIB)

static char path[PATH_MAX + 64];
static size_t folder; /* length of the directory's part of it; 0: there is none */
static bool is_open;  /* atomic: there is a directory with its metadata */
static struct own_file file = NO_FILE;
static uint32_t file_count; /* files begun */
static off_t file_length;   /* of the packets in it */
static uint64_t packet_count;
static uint8_t uuid[16];

static void say(const char *what, int error, const char *therefore) { message_say_file("HAKMEM_FLIGHT_FILE", what, path, strerrordesc_np(error), therefore); }

static void name(const char *file_name, uint64_t number, bool numbered) {
  static struct message m; /* not on the stack, which may be a fiber's of one page */
  message_start(&m);
  message_text(&m, file_name);
  if (numbered) message_number(&m, number);
  memcpy(path + folder, m.text, m.length);
  path[folder + m.length] = '\0';
}

/* ---- The directory. ---- */

static void make_uuid(void) {
  const uint64_t parts[] = {clock_ns(CLOCK_REALTIME), clock_ns(CLOCK_MONOTONIC) ^ (uint64_t)sys_getpid() << 40};
  memcpy(uuid, parts, sizeof(uuid));
  uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
  uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

/* Makes NAME, else NAME.PID, NAME.PID.2, ... Returns 0 or an errno. */
static int make_directory(void) {
  if (!config_file_path(config.flight_file, path)) return ENAMETOOLONG;
  const size_t length = strlen(path);
  for (unsigned i = 0; i < NAMES; i++) {
    if (i > 0) config_other_path(path, length, i);
    if (sys_mkdir(path, S_IRWXU) == 0) return 0;
    if (errno != EEXIST) return errno;
  }
  return EEXIST;
}

/* Under a hidden name at first: a directory without `metadata` is no trace. */
static int write_metadata(void) {
  static char text[METADATA_MAX] BULK, hidden[sizeof(path)] BULK; /* not on the stack, which may be a fiber's of one page */
  name("/.metadata", 0, false);
  memcpy(hidden, path, sizeof(hidden));
  const size_t length = flight_metadata(text, sizeof(text), uuid);
  struct own_file metadata = file_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
  if (metadata.number < 0) return errno;
  int error = length == 0 ? ENOSPC : file_write_at(&metadata, text, length, 0);
  file_close(&metadata);
  name("/metadata", 0, false);
  if (error == 0 && sys_rename(hidden, path) != 0) error = errno;
  if (error != 0) sys_unlink(hidden);
  return error;
}

bool flight_file_open(void) {
  make_uuid();
  int error = make_directory();
  if (error == 0) {
    folder = strlen(path);
    error = write_metadata();
  }
  if (error == 0) {
    __atomic_store_n(&is_open, true, __ATOMIC_RELEASE);
    return true;
  }
  say("make", error, "; this process has no recording");
  folder = 0;
  return false;
}

bool flight_file_is_open(void) { return __atomic_load_n(&is_open, __ATOMIC_ACQUIRE); }

/* ---- Files of packets. ---- */

static off_t file_most(void) {
  const off_t most = (off_t)(config.flight_size / FILES / FLIGHT_PACKET_SIZE) * FLIGHT_PACKET_SIZE;
  return most > 2 * FLIGHT_PACKET_SIZE ? most : 2 * FLIGHT_PACKET_SIZE;
}

bool flight_file_wants_process(void) { return file.number < 0 || file_length >= file_most(); }

static int begin_file(void) {
  file_close(&file);
  file_length = 0;
  name("/events.", file_count, true);
  file = file_open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW);
  if (file.number < 0) return errno;
  file_count++;
  if (file_count <= FILES) return 0;
  name("/events.", file_count - 1 - FILES, true);
  sys_unlink(path);
  return 0;
}

/* Whether the descriptor is still the file, with all its packets. */
static bool is_whole(void) {
  struct stat status;
  return file_is_own(&file, &status) && status.st_size == file_length;
}

static void fill_head(struct flight_packet *packet, size_t length) {
  const struct flight_packet_head head = {.magic = MAGIC,
                                          .begin = packet->begin,
                                          .packet_size = FLIGHT_PACKET_SIZE * 8,
                                          .number = packet_count,
                                          .end = __atomic_load_n(&packet->end, __ATOMIC_RELAXED),
                                          .discarded = __atomic_load_n(&packet->discarded, __ATOMIC_RELAXED),
                                          .content_size = length * 8};
  memcpy(packet->bytes, &head, sizeof(head));
  memcpy(packet->bytes + offsetof(struct flight_packet_head, uuid), uuid, sizeof(uuid));
}

/* The whole page in one write: the file has it, or does not have it. */
static int write_new(struct flight_packet *packet, size_t length) {
  int error = 0;
  if (file_length >= file_most() || !is_whole()) error = begin_file();
  fill_head(packet, length);
  if (error == 0) error = file_write_at(&file, packet->bytes, FLIGHT_PACKET_SIZE, file_length);
  if (error != 0) {
    file_resize(&file, file_length);
    return error;
  }
  packet_count++;
  file_length += FLIGHT_PACKET_SIZE;
  return 0;
}

/* Records first. A reader takes them when the head has them. */
static int write_more(struct flight_packet *packet, size_t written, size_t length) {
  const off_t at = file_length - FLIGHT_PACKET_SIZE;
  const size_t moving = offsetof(struct flight_packet_head, end);
  packet_count--;
  fill_head(packet, length);
  packet_count++;
  int error = file_write_at(&file, packet->bytes + written, length - written, at + (off_t)written);
  if (error == 0) error = file_write_at(&file, packet->bytes + moving, sizeof(struct flight_packet_head) - moving, at + (off_t)moving);
  return error;
}

bool flight_file_write(struct flight_packet *packet, size_t written, size_t length) {
  const bool is_new = written == sizeof(struct flight_packet_head) || !is_whole();
  const int error = is_new ? write_new(packet, length) : write_more(packet, written, length);
  if (error == 0) return true;
  if (error != ENOENT) say("write", error, "; the recording ends here"); /* else the directory was removed, on purpose */
  file_close(&file);
  return false;
}

void flight_file_fork_child(void) {
  file_close(&file);
  folder = file_count = 0;
  __atomic_store_n(&is_open, false, __ATOMIC_RELEASE);
  packet_count = 0;
  file_length = 0;
}
