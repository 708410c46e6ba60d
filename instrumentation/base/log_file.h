/* log_file.h: where log lines go: HAKMEM_LOG_FILE, else standard error. */
#ifndef HAKMEM_LOG_FILE_H
#define HAKMEM_LOG_FILE_H

#include "src/platform/message.h"

/* After the options are read: opens the file if it exists; a message says so if it cannot be used. */
void log_file_start(void);

/* Ends the line and writes it. Returns 0 or an errno. Signal safe. */
int log_send(struct message *m);

#endif
