/* leaks.h: HAKMEM_LEAKS. */
#ifndef HAKMEM_LEAKS_H
#define HAKMEM_LEAKS_H

/* When the program begins. */
void leaks_start(void);
/* At the end of the process: reports which live blocks are reachable, which are not, and where they were allocated. */
void leaks_report(void);

#endif
