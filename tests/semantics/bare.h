/* Code without unwind tables, which calls a function: made at run time (as by node or Java), and written in assembler. Both keep a frame record. */
#ifndef BARE_H
#define BARE_H

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define BARE_RETURNS 6 /* bytes from the start of the code to the return address of its call */

#if defined(__x86_64__)
typedef void bare_call(void (*function)(void));

void bare_assembler(void (*function)(void));
__asm__(".pushsection .text\n"
        ".type bare_assembler, @function\n"
        "bare_assembler:\n"
        "  push %rbp\n"
        "  mov %rsp, %rbp\n"
        "  call *%rdi\n"
        "  pop %rbp\n"
        "  ret\n"
        ".size bare_assembler, .-bare_assembler\n"
        ".popsection\n");

static bare_call *bare_make(void) {
  static const unsigned char code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3}; /* the same */
  void *const page = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) abort();
  memcpy(page, code, sizeof(code));
  return (bare_call *)page;
}
#endif

#endif
