/* blackbox.h: what is known of a header reset, as text. */
#ifndef HAKMEM_BLACKBOX_H
#define HAKMEM_BLACKBOX_H

#include "src/events.h"
#include "src/platform/message.h"

/* Adds the details behind the line of a header reset, and sends all of it by `send`: a message for each stack. */
void blackbox_send(struct message *m, const struct event_hdr_reset *event, int (*send)(struct message *));

#endif
