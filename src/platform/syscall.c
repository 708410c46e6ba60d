#include "syscall.h"

#include <elf.h>
#include <link.h>
#include <sys/auxv.h>

/*
 * The vDSO is a small library that the kernel maps into each process. Its function reads the clock without a system call. We find it as the C library
 * does: by the vDSO's symbol table.
 */
#if defined(__x86_64__)
#define VDSO_CLOCK "__vdso_clock_gettime"
#else
#define VDSO_CLOCK "__kernel_clock_gettime"
#endif

typedef int clock_function(clockid_t, struct timespec *);

static int ask_kernel(clockid_t clock, struct timespec *now) { return (int)sys_raw(SYS_clock_gettime, clock, (long)now, 0, 0, 0, 0); }

static const ElfW(Dyn) * dynamic_section(const ElfW(Ehdr) * elf, uintptr_t *bias) {
  const ElfW(Phdr) *segment = (const void *)((uintptr_t)elf + elf->e_phoff);
  const ElfW(Dyn) *dynamic = NULL;
  for (unsigned i = 0; i < elf->e_phnum; i++) {
    if (segment[i].p_type == PT_LOAD && segment[i].p_offset == 0) *bias = (uintptr_t)elf - segment[i].p_vaddr;
    if (segment[i].p_type == PT_DYNAMIC) dynamic = (const void *)((uintptr_t)elf + segment[i].p_offset);
  }
  return dynamic;
}

/* The function in the vDSO, or one that makes the system call. */
static clock_function *find_clock(void) {
  const ElfW(Ehdr) *elf = (const void *)getauxval(AT_SYSINFO_EHDR);
  uintptr_t bias = 0, table[DT_NUM] = {0};
  const ElfW(Dyn) *dynamic = elf != NULL ? dynamic_section(elf, &bias) : NULL;
  if (dynamic == NULL) return ask_kernel;
  for (; dynamic->d_tag != DT_NULL; dynamic++) {
    if (dynamic->d_tag > 0 && dynamic->d_tag < DT_NUM) table[dynamic->d_tag] = bias + dynamic->d_un.d_ptr;
  }
  const ElfW(Sym) *symbol = (const void *)table[DT_SYMTAB], *const behind = (const void *)table[DT_STRTAB]; /* linkers put the strings behind the symbols */
  for (; symbol != NULL && symbol + 1 <= behind; symbol++) {
    if (symbol->st_shndx == SHN_UNDEF || strcmp((const char *)behind + symbol->st_name, VDSO_CLOCK) != 0) continue;
    clock_function *found;
    const uintptr_t address = bias + symbol->st_value;
    memcpy(&found, &address, sizeof(found)); /* ISO C has no conversion from an object's address to a function's */
    return found;
  }
  return ask_kernel;
}

void sys_clock(clockid_t clock, struct timespec *now) {
  static clock_function *function; /* atomic; every thread would store the same value */
  clock_function *known = __atomic_load_n(&function, __ATOMIC_RELAXED);
  if (UNLIKELY(known == NULL)) {
    known = find_clock();
    __atomic_store_n(&function, known, __ATOMIC_RELAXED);
  }
  known(clock, now);
}
