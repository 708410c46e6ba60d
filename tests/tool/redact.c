/* Makes errors beside memory that holds a secret: an overrun of text, a write after free with it, and a freed block that is freed again. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  static const char secret[] = "PlantedSecret-PlantedSecret-PlantedSecret-PlantedSecret";
  char *volatile blocks[40];
  for (int i = 0; i < 40; i++) {
    blocks[i] = malloc(24);
    strcpy(blocks[i], "PlantedSecret");
  }
  memcpy(blocks[10], secret, 40); /* past its end */
  free(blocks[11]);
  free(blocks[10]);
  free(blocks[20]);
  memcpy(blocks[20], secret, 20);
  free(blocks[20]);
  for (int i = 0; i < 10; i++) free(malloc(24));
  char *volatile text = malloc(100);
  memcpy(text, secret, 56);
  free(text);
  free(text);
  memcpy(text, secret, 56);
  for (int i = 0; i < 30; i++) malloc(100);
  return 0;
}
