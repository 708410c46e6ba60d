/* blackbox.h: a header reset as text. */
#ifndef HAKMEM_BLACKBOX_H
#define HAKMEM_BLACKBOX_H

#include "src/events.h"
#include "src/platform/message.h"

/* Adds the verdict in words, without a line's end. */
void blackbox_put_verdict(struct message *m, const struct event_hdr_reset *event);
/* Adds the details behind the bracketed line in `m`, and sends all of it by `send`: a message for each stack. */
void blackbox_send(struct message *m, const struct event_hdr_reset *event, int (*send)(struct message *));

#endif
