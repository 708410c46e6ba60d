/*
 * refused.c: the system refuses what it was asked for, one call at a time, as seccomp filters and locked memory make it: blocks keep their bytes,
 * and calloc's read as zero.
 *
 *   refused [NUMBER]     each call, with each errno, or the one of that number, in a process of its own: prints what is not so
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LENGTH(a) (sizeof(a) / sizeof *(a))

static const struct call {
  const char *name;
  long number;    /* -1: mlockall instead, which makes the kernel refuse madvise */
  unsigned steps; /* enough of them use every guarded slot again */
  unsigned flag;  /* only if the fourth argument has it; 0: always */
  int may_fail;   /* malloc may find no memory */
} calls[] = {{"madvise", SYS_madvise, 800, 0, 0},
             {"locked", -1, 800, 0, 0},
             {"mprotect", SYS_mprotect, 400, 0, 0},
             {"munmap", SYS_munmap, 400, 0, 0},
             {"mremap", SYS_mremap, 400, 0, 0},
             {"mremap_fixed", SYS_mremap, 400, MREMAP_FIXED, 0},
             {"mmap", SYS_mmap, 400, 0, 1},
             {"mincore", SYS_mincore, 100, 0, 0},
             {"futex", SYS_futex, 100, 0, 0},
             {"openat", SYS_openat, 100, 0, 0},
             {"read", SYS_read, 100, 0, 0},
             {"pread64", SYS_pread64, 100, 0, 0},
             {"prlimit64", SYS_prlimit64, 100, 0, 0},
             {"rt_sigprocmask", SYS_rt_sigprocmask, 100, 0, 0},
             {"gettid", SYS_gettid, 100, 0, 0},
             {"process_vm_readv", SYS_process_vm_readv, 100, 0, 0},
             {"membarrier", SYS_membarrier, 100, 0, 0},
             {"rseq", SYS_rseq, 100, 0, 0}};
static const int errors[] = {EPERM, ENOSYS, ENOMEM, EINVAL};

static void refuse(const struct call *call, int error) {
  const uint32_t argument = offsetof(struct seccomp_data, args) + 3 * sizeof(uint64_t); /* its lower half; little-endian */
  struct sock_filter code[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)call->number, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, call->flag, 0, call->flag != 0),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {LENGTH(code), code};
  if (call->number < 0) {
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) _exit(77);
  } else if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
    _exit(77);
  }
}

/* ---- Blocks, each filled with a byte of its own. ---- */

enum { BLOCKS = 40 };
static const size_t sizes[] = {1, 24, 100, 700, 4000, 9000, 33000, 50000, 70000, 200000, 500000, 1100000, 1200000, 2200000};
static struct block {
  unsigned char *p, byte;
  size_t size;
} blocks[BLOCKS];
static int may_fail;
static uint64_t state = 1;

static unsigned below(unsigned n) {
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(state >> 33) % n;
}

static void bad(const char *what, size_t size) {
  printf("%s, %zu bytes\n", what, size);
  fflush(stdout);
  _exit(1);
}

static int is_filled(const unsigned char *p, size_t size, unsigned char byte) { return size == 0 || (p[0] == byte && memcmp(p, p + 1, size - 1) == 0); }

static void take(struct block *b, unsigned char *p, size_t size) {
  if (p == NULL && !may_fail) bad("no memory", size);
  *b = (struct block){p, (unsigned char)(1 + below(255)), p != NULL ? size : 0};
  if (p != NULL) memset(p, b->byte, size);
}

static void step(struct block *b) {
  const size_t size = sizes[below(LENGTH(sizes))];
  if (!is_filled(b->p, b->size, b->byte)) bad("a block lost its bytes", b->size);
  if (b->p != NULL && below(3) == 0) {
    unsigned char *p = realloc(b->p, size);
    if (p == NULL && !may_fail) bad("no memory for realloc", size);
    if (p == NULL) return;
    if (!is_filled(p, size < b->size ? size : b->size, b->byte)) bad("realloc lost bytes", size);
    take(b, p, size);
    return;
  }
  free(b->p);
  *b = (struct block){NULL, 0, 0};
  unsigned char *p;
  switch (below(8)) {
    case 0: take(b, malloc(size), size); break;
    case 1:
      if (posix_memalign((void **)&p, (size_t)64 << below(12), size) != 0) p = NULL;
      take(b, p, size);
      break;
    case 2: malloc_trim(0); break;
    default:
      p = calloc(1, size);
      if (p != NULL && !is_filled(p, size, 0)) bad("calloc's memory is not zero", size);
      take(b, p, size);
  }
}

static void all_steps(unsigned steps) {
  for (unsigned i = 0; i < steps; i++) step(&blocks[below(BLOCKS)]);
}

int main(int argc, char **argv) {
  int failed = 0, ran = 0;
  for (const struct call *call = calls; call < calls + LENGTH(calls); call++) {
    for (unsigned e = 0; e < (call->number < 0 ? 1 : LENGTH(errors)); e++) {
      if (argc > 1 && call->number >= 0 && e != (unsigned)atoi(argv[1]) % LENGTH(errors)) continue;
      fflush(stdout);
      const pid_t child = fork();
      if (child == 0) {
        all_steps(call->steps / 2);
        refuse(call, errors[e]);
        may_fail = call->may_fail;
        all_steps(call->steps);
        _exit(0);
      }
      int status;
      if (child < 0 || waitpid(child, &status, 0) != child) return 2;
      if (status != 0 && WEXITSTATUS(status) != 77) {
        printf("%s refused with errno %d: status 0x%x\n", call->name, errors[e], (unsigned)status);
        failed++;
      } else if (status == 0) {
        ran++;
      }
    }
  }
  if (failed == 0 && ran == 0) return 77;
  return failed != 0;
}
