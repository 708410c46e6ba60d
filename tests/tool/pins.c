/* Few small blocks hold many slabs for a while; then larger ones are asked for, more than a limit of 4 SuperSlabs allows, and every second is freed. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SMALL 40000
#define LARGER 20000
static void *small[SMALL], *larger[LARGER];

int main(void) {
  for (unsigned i = 0; i < SMALL; i++) small[i] = malloc(100);
  for (unsigned i = 0; i < SMALL; i++) {
    if (i % 100 != 0) free(small[i]);
  }
  malloc_trim(0);
  usleep(700000);
  for (unsigned i = 0; i < LARGER; i++) larger[i] = memset(malloc(2000), 1, 2000);
  for (unsigned i = 0; i < LARGER; i += 2) free(larger[i]);
  malloc_trim(0);
  return small[0] == NULL;
}
