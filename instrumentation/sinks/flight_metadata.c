/*
 * flight_metadata.c: describes flight_packets.h and flight_file.h to readers. The events come from the tables in src/events.h, as in tracepoints/provider.h,
 * with the same names: one reader understands both.
 *
 * A reader drops the underscore before the name of a field. It keeps names apart from the words of the language.
 */
#include "src/platform/message.h"
#include "src/platform/syscall.h"
#include "src/names/hakmem.h"
#include "base/clock.h"
#include "flight_metadata.h"

#include <errno.h>
#include <string.h>

#define INTEGER(bits, base) "integer { size = " bits "; align = 8; signed = false; base = " base "; }"
#define FIELD(type, f) "    " type " _" #f ";\n"
#define F_PTR(f) FIELD(INTEGER("64", "16"), f)
#define F_U32(f) FIELD(INTEGER("32", "10"), f)
#define F_U64(f) FIELD(INTEGER("64", "10"), f)
#define F_BYTES(f) FIELD(INTEGER("64", "10"), f)
#define F_TICKS(f) FIELD(INTEGER("64", "10"), f)
#define F_BYTE(f) FIELD(INTEGER("8", "16"), f)
#define F_CLS(f) FIELD(INTEGER("32", "10"), f)
#define F_ENUM(f, e) "    enum : " INTEGER("32", "10") " { " ENUM_##e(ENUMERATOR) "} _" #f ";\n"
#define ENUMERATOR(constant, text) "\"" text "\", "
#define F_TEXT(f) FIELD("string { encoding = UTF8; }", f)
#define F_SEQUENCE(f, bits, base) "    " INTEGER("32", "10") " __" #f "_length;\n    " INTEGER(bits, base) " _" #f "[ __" #f "_length ];\n"
#define F_ADDRESSES(f, n) F_SEQUENCE(f, "64", "16")
#define F_COUNTS(f, n) F_SEQUENCE(f, "32", "10")

static_assert(sizeof(uintptr_t) == 8, "an address has 64 bits");

#define EVENT_TEXT(name, text, fields) {FLIGHT_KEEPS(EVENT_ID_##name), #name, fields},
static const struct {
  bool is_kept;
  const char *name, *fields;
} events[] = {HAK_EVENTS(EVENT_TEXT)};

#define UUID_LENGTH 36

static void uuid_text(char text[UUID_LENGTH + 1], const uint8_t uuid[16]) {
  static const char digits[] = "0123456789abcdef";
  for (unsigned i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) *text++ = '-';
    *text++ = digits[uuid[i] >> 4];
    *text++ = digits[uuid[i] & 15];
  }
  *text = '\0';
}

struct text {
  char *at;
  size_t length, size; /* length > size: it did not fit */
};

static void put(struct text *t, const char *what) {
  const size_t length = strlen(what);
  if (t->length + length <= t->size) memcpy(t->at + t->length, what, length);
  t->length += length;
}

static void put_number(struct text *t, uint64_t value) {
  static struct message m; /* not on the stack, which may be a fiber's of one page; one thread at a time writes */
  message_start(&m);
  message_number(&m, value);
  m.text[m.length] = '\0';
  put(t, m.text);
}

/* A program may have any name. */
static void put_program(struct text *t) {
  for (const char *c = program_invocation_short_name; *c != '\0'; c++) {
    const bool is_plain = (unsigned char)*c >= ' ' && (unsigned char)*c < 0x7f && *c != '"' && *c != '\\';
    put(t, is_plain ? (const char[]){*c, '\0'} : "?");
  }
}

static const char head[] =
  "\";\n"
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
  "  byte_order = le;\n"
#else
  "  byte_order = be;\n"
#endif
  "  packet.header := struct {\n"
  "    " INTEGER("32", "16") " magic;\n"
                             "    " INTEGER("8", "16") " uuid[16];\n"
                                                       "    " INTEGER(
                                                         "32", "10") " stream_id;\n"
                                                                     "    " INTEGER(
                                                                       "64",
                                                                       "10") " stream_instance_id;\n"
                                                                             "  };\n};\n\n"
                                                                             "env {\n  domain = \"hakmem-flight\";\n  tracer_name = \"hakmem\";\n  vpid = ";

#define CLOCK_TIME "integer { size = 64; align = 8; signed = false; map = clock.monotonic.value; }"
static const char stream[] =
  ";\n  absolute = true;\n};\n\n"
  "stream {\n  id = 0;\n"
  "  packet.context := struct {\n"
  "    " CLOCK_TIME " timestamp_begin;\n"
  "    " INTEGER("64", "10") " packet_size;\n"
                             "    " INTEGER("64", "10") " packet_seq_num;\n"
                                                        "    " CLOCK_TIME " timestamp_end;\n"
                                                        "    " INTEGER("64", "10") " events_discarded;\n"
                                                                                   "    " INTEGER("64", "10") " content_size;\n"
                                                                                                              "  };\n"
                                                                                                              "  event.header := struct {\n"
                                                                                                              "    " INTEGER(
                                                                                                                "16", "10") " id;\n"
                                                                                                                            "    " CLOCK_TIME " timestamp;\n"
                                                                                                                            "  };\n"
                                                                                                                            "  event.context := struct {\n"
                                                                                                                            "    " INTEGER("32",
                                                                                                                                           "10") " _vtid;\n"
                                                                                                                                                 "  };\n};\n";

size_t flight_metadata(char *text, size_t size, const uint8_t uuid[16]) {
  struct text t = {.at = text, .size = size};
  char id[UUID_LENGTH + 1];
  uuid_text(id, uuid);
  put(&t, "/* CTF 1.8 */\n\ntrace {\n  major = 1;\n  minor = 8;\n  uuid = \"");
  put(&t, id);
  put(&t, head);
  put_number(&t, (uint64_t)sys_getpid());
  put(&t, ";\n  procname = \"");
  put_program(&t);
  put(&t, "\";\n  hakmem_version = \"");
  put(&t, hak_version());
  put(&t, "\";\n};\n\nclock {\n  name = \"monotonic\";\n  description = \"CLOCK_MONOTONIC\";\n  freq = 1000000000;\n  offset = ");
  put_number(&t, clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC));
  put(&t, stream);
  for (unsigned i = 0; i < EVENT_COUNT; i++) {
    if (!events[i].is_kept) continue;
    put(&t, "\nevent {\n  name = \"hakmem:");
    put(&t, events[i].name);
    put(&t, "\";\n  id = ");
    put_number(&t, i);
    put(&t, ";\n  stream_id = 0;\n  fields := struct {\n");
    put(&t, events[i].fields);
    put(&t, "  };\n};\n");
  }
  return t.length <= t.size ? t.length : 0;
}
