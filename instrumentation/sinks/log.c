/*
 * log.c: the bracketed log lines. HAKMEM_LOG chooses them. A header reset is an error: it is always reported.
 */
#include "src/platform/config.h"
#include "src/platform/message.h"
#include "src/platform/options.h"
#include "src/slabs/size_class.h"
#include "base/clock.h"
#include "base/event_names.h"
#include "base/log_file.h"
#include "incidents/blackbox.h"
#include "incidents/incident.h"
#include "log.h"

static uint32_t words; /* atomic; the kinds of lines that HAKMEM_LOG asks for */

uint32_t log_words(void) { return __atomic_load_n(&words, __ATOMIC_RELAXED); }
void log_choose(uint32_t set) { __atomic_store_n(&words, set, __ATOMIC_RELAXED); }

static void put_class(struct message *m, uint32_t cls) {
  message_text(m, " cls=");
  if (cls < CLASS_COUNT) message_number(m, cls);
  else message_text(m, cls == CLASS_LARGE ? "large" : cls == CLASS_HUGE ? "huge" : "none");
}

static void put_number(struct message *m, const char *key, uint64_t value) {
  message_text(m, key);
  message_number(m, value);
}

static void put_pointer(struct message *m, const char *key, const void *value) {
  message_text(m, key);
  message_pointer(m, (uintptr_t)value);
}

static void put_text(struct message *m, const char *key, const char *value) {
  message_text(m, key);
  message_text(m, value);
}

/*
 * The verdict, the bracketed line, the details. An incident in a loop would fill the disk: it is reported again only when its count has
 * doubled, without the details.
 */
static void on_hdr_reset(const struct event_hdr_reset *e) {
  const uint64_t times = incident_times();
  if ((times & (times - 1)) != 0) return;
  struct message m;
  message_start(&m);
  blackbox_put_verdict(&m, e);
  message_text(&m, "\n[TLS_SLL_HDR_RESET]");
  put_class(&m, e->cls);
  put_pointer(&m, " base=", e->base);
  message_text(&m, " got=");
  message_byte(&m, e->got);
  message_text(&m, " expect=");
  message_byte(&m, e->expect);
  put_number(&m, " count=", e->count);
  put_text(&m, " verdict=", event_names_hdr_verdict[e->verdict]);
  if (e->stack != 0) put_number(&m, " stack=", e->stack);
  if (e->over != 0) put_number(&m, " over=", e->over);
  int (*const send)(struct message *) = (log_words() & OPTION_LOG_HDR) != 0 ? log_send : message_error;
  if (times <= 1) return blackbox_send(&m, e, send);
  put_number(&m, " times=", times);
  send(&m);
}

static void on_shared_fail(const struct event_shared_fail *e) {
  struct message m;
  message_start(&m);
  message_text(&m, "[SS_BACKEND] shared_fail→legacy");
  put_class(&m, e->cls);
  put_text(&m, " reason=", event_names_fail_reason[e->reason]);
  put_number(&m, " active=", e->active);
  put_number(&m, " limit=", e->limit);
  log_send(&m);
}

static void put_superslab(const char *what, const void *base, uint64_t size, const char *why, uint32_t active) {
  struct message m;
  message_start(&m);
  message_text(&m, "[SS_BACKEND] ");
  message_text(&m, what);
  put_pointer(&m, " base=", base);
  put_number(&m, " size=", size);
  message_text(&m, why);
  put_number(&m, " active=", active);
  log_send(&m);
}

static void on_superslab_acquire(const struct event_superslab_acquire *e) {
  put_superslab("acquire", e->base, e->size, e->source == ACQUIRE_MAPPED ? " source=mapped" : " source=reserve", e->active);
}

static void on_superslab_release(const struct event_superslab_release *e) {
  put_superslab("release", e->base, e->size, e->reason == RELEASE_DELAY ? " reason=delay" : " reason=trim", e->active);
}

static void on_tls_sll_drain(const struct event_tls_sll_drain *e) {
  struct message m;
  message_start(&m);
  message_text(&m, "[TLS_SLL_DRAIN]");
  put_class(&m, e->cls);
  put_text(&m, " reason=", event_names_drain_reason[e->reason]);
  put_number(&m, " before=", e->before);
  put_number(&m, " moved=", e->moved);
  put_number(&m, " slabs=", e->slabs);
  put_number(&m, " ns=", clock_to_ns(e->ticks));
  log_send(&m);
}

static void on_deepbind(const struct event_deepbind *e) {
  struct message m;
  message_start(&m);
  message_text(&m, "[DLOPEN] without RTLD_DEEPBIND, which would give the library another malloc: ");
  message_quoted(&m, e->path);
  log_send(&m);
}

const struct hak_event_sink log_sink = {.hdr_reset = on_hdr_reset,
                                        .shared_fail = on_shared_fail,
                                        .superslab_acquire = on_superslab_acquire,
                                        .superslab_release = on_superslab_release,
                                        .tls_sll_drain = on_tls_sll_drain,
                                        .deepbind = on_deepbind};

bool log_hears(enum event_id id) {
  switch (id) {
    case EVENT_ID_hdr_reset: return true;
    case EVENT_ID_tls_sll_drain: return (log_words() & OPTION_LOG_DRAIN) != 0;
    case EVENT_ID_deepbind: return log_words() != 0;
    default: return (log_words() & OPTION_LOG_SS) != 0;
  }
}

static void read_words(void) {
  uint32_t set;
  if (!option_log_words(config.log, &set)) {
    struct message m;
    message_start(&m);
    message_text(&m, "hakmem: HAKMEM_LOG=");
    message_quoted(&m, config.log);
    message_text(&m, " has a word that is none of drain, ss, hdr, all; that word is ignored");
    message_error(&m);
  }
  log_choose(set);
}

static void say_drain_setting(void) {
  static const uint32_t default_interval = 2048;
  const char *origin = config.drain_interval == default_interval ? " (default)" : " (HAKMEM_DRAIN_INTERVAL)";
  struct message m;
  message_start(&m);
  message_text(&m, "[TLS_SLL_DRAIN] Drain ");
  message_text(&m, config.drain_interval != 0 ? "ENABLED" : "DISABLED");
  message_text(&m, config.drain_interval != 0 ? " (default)" : " (HAKMEM_DRAIN_INTERVAL=0)");
  log_send(&m);
  if (config.drain_interval == 0) return;
  put_number(&m, "[TLS_SLL_DRAIN] Interval=", config.drain_interval);
  message_text(&m, origin);
  log_send(&m);
}

void log_start(void) {
  read_words();
  log_file_start();
  if ((log_words() & OPTION_LOG_DRAIN) != 0) say_drain_setting();
}
