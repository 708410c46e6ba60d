/* leaks.h: HAKMEM_LEAKS. */
#ifndef HAKMEM_LEAKS_H
#define HAKMEM_LEAKS_H

/* When the program begins. */
void leaks_start(void);
/* At the end of the process: writes which live blocks can still be reached, which cannot, and where they were allocated. */
void leaks_report(void);

#endif
