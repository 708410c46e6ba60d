/* Mappings: alignment, zeroes, resizing, moving, what is resident, metadata from several threads. */
#include "memory/os.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "touch.h"

static bool is_zero(const char *p, size_t size) {
  for (size_t i = 0; i < size; i++) {
    if (p[i] != 0) return false;
  }
  return true;
}

Test(os, maps_aligned_zeroed_memory_and_counts_it) {
  const size_t before = os_mapped();
  for (size_t align = os_page_size(); align <= 64 * MIB; align *= 2) {
    int error = -1;
    char *p = os_map(256 * KIB, align, &error);
    cr_assert_not_null(p);
    cr_assert_eq(error, 0);
    cr_assert_eq((uintptr_t)p % align, 0);
    cr_assert(is_zero(p, 256 * KIB));
    memset(p, 1, 256 * KIB);
    cr_assert_eq(os_mapped(), before + 256 * KIB);
    os_unmap(p, 256 * KIB);
    cr_assert_eq(os_mapped(), before);
  }
}

Test(os, says_why_it_cannot_and_keeps_errno) {
  int error = 0;
  errno = 77;
  cr_assert_null(os_map((size_t)1 << 62, UNIT_SIZE, &error));
  cr_assert_eq(error, ENOMEM);
  cr_assert_eq(errno, 77);
  cr_assert_eq(os_last_error(), ENOMEM);
}

Test(os, purged_memory_reads_as_zero_and_is_not_resident) {
  int error;
  char *p = os_map(MIB, os_page_size(), &error);
  memset(p, 1, MIB);
  cr_assert_eq(os_resident(p, MIB), MIB);
  os_purge(p + UNIT_SIZE, MIB - UNIT_SIZE);
  cr_assert_eq(os_resident(p, MIB), UNIT_SIZE);
  cr_assert_eq(p[UNIT_SIZE - 1], 1);
  cr_assert(is_zero(p + UNIT_SIZE, MIB - UNIT_SIZE));
  os_unmap(p, MIB);
}

Test(os, shrinks_and_grows_in_place) {
  int error;
  const size_t before = os_mapped();
  char *p = os_map(MIB, UNIT_SIZE, &error);
  memset(p, 1, MIB);
  cr_assert(os_resize(p, MIB, MIB / 2));
  cr_assert_eq(os_mapped(), before + MIB / 2);
  if (os_resize(p, MIB / 2, MIB)) { /* the place behind it is still free, but the kernel decides */
    cr_assert(is_zero(p + MIB / 2, MIB / 2));
    os_unmap(p + MIB / 2, MIB / 2);
  }
  cr_assert_eq(p[MIB / 2 - 1], 1);
  os_unmap(p, MIB / 2);
  cr_assert_eq(os_mapped(), before);
}

Test(os, room_behind_belongs_to_no_mapping) {
  for (size_t align = os_page_size(); align <= 4 * MIB; align *= 4) {
    int error;
    const size_t before = os_mapped();
    char *p = os_map_before(MIB, 3 * MIB, align, &error);
    cr_assert_eq((uintptr_t)p % align, 0);
    cr_assert_eq(os_mapped(), before + MIB);
    cr_assert(os_resize(p, MIB, 4 * MIB));
    cr_assert(is_zero(p, 4 * MIB));
  }
  int error;
  cr_assert_not_null(os_map_before(MIB, (size_t)1 << 62, UNIT_SIZE, &error), "no room is no reason to refuse");
}

Test(os, moves_pages) {
  int error;
  const size_t before = os_mapped();
  char *from = os_map(MIB, UNIT_SIZE, &error), *to = os_map(2 * MIB, UNIT_SIZE, &error);
  memset(from, 7, MIB);
  cr_assert_eq(os_move(from, MIB, to, 2 * MIB), OS_MOVED);
  cr_assert_eq(to[0], 7);
  cr_assert_eq(to[MIB - 1], 7);
  cr_assert_eq(to[MIB], 0);
  cr_assert_eq(os_mapped(), before + 2 * MIB);
  to[2 * MIB - 1] = 8;
  char *on = os_map(3 * MIB, UNIT_SIZE, &error);
  cr_assert_eq(os_move(to, 2 * MIB, on, 3 * MIB), OS_MOVED, "what has moved is one mapping");
  cr_assert(on[0] == 7 && on[2 * MIB - 1] == 8 && is_zero(on + 2 * MIB, MIB));
  os_unmap(on, 3 * MIB);
}

/* ---- What the system refuses: what is believed afterwards is what is true. ---- */

/* From now on, `action` is what becomes of this call; with `flag`, only if its fourth argument has it. */
static void filter(long number, uint32_t flag, uint32_t action) {
  struct sock_filter code[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, args[3])), /* its lower half */
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flag, 0, flag != 0),
    BPF_STMT(BPF_RET | BPF_K, action),
    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const struct sock_fprog program = {ARRAY_LENGTH(code), code};
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) cr_skip("no seccomp here");
}

/* The same: it fails with `error`. */
static void refuse(long number, uint32_t flag, uint32_t error) { filter(number, flag, SECCOMP_RET_ERRNO | error); }

Test(os, what_is_not_unmapped_stays_mapped_without_memory) {
  int error;
  char *p = os_map(MIB, UNIT_SIZE, &error), *q = os_map(MIB, UNIT_SIZE, &error);
  memset(p, 1, MIB);
  const size_t before = os_mapped();
  refuse(SYS_munmap, 0, EPERM);
  errno = 77;
  cr_assert_eq(os_unmap(p, MIB), MIB, "its memory was given back");
  cr_assert_eq(os_mapped(), before);
  const size_t page = os_page_size(); /* the first one says that it is to be unmapped later */
  cr_assert(os_resident(p, MIB) <= page && is_zero(p + page, MIB - page));
  refuse(SYS_madvise, 0, EINVAL);
  cr_assert_eq(os_unmap(q, MIB), 0);
  cr_assert_eq(os_mapped(), before);
  cr_assert_not_null(os_map(4 * MIB, 1024 * MIB, &error));
  cr_assert_gt(os_mapped(), before + 500 * MIB, "what could not be cut off is counted");
  os_unmap_refused(); /* in vain */
  cr_assert_gt(os_mapped(), before + 500 * MIB);
  cr_assert_eq(errno, 77);
}

Test(os, closed_memory_that_is_not_unmapped_stays_mapped) {
  int error;
  char *guarded = os_map_guarded(MIB, UNIT_SIZE, &error), *closed = os_map(MIB, UNIT_SIZE, &error), *last = os_map_guarded(MIB, UNIT_SIZE, &error);
  memset(guarded, 1, MIB);
  os_shut(closed, MIB);
  const size_t before = os_mapped();
  refuse(SYS_munmap, 0, EPERM);
  cr_assert_eq(os_unmap_guarded(guarded, MIB), MIB);
  os_unmap(closed, MIB);
  os_unmap_guards(last, MIB);
  cr_assert_eq(os_mapped(), before);
  cr_assert_not_null(os_map_guarded(MIB, 64 * MIB, &error), "it cuts off closed pages");
  os_unmap_refused(); /* in vain */
  refuse(SYS_mprotect, 0, EPERM);
  os_unmap(last, MIB);
  cr_assert_not_null(os_map_guarded(MIB, 64 * MIB, &error));
  os_unmap_refused();
  cr_assert_gt(os_mapped(), before + 100 * MIB);
}

Test(os, what_is_not_purged_is_said_or_cleared) {
  int error;
  char *p = os_map(MIB, UNIT_SIZE, &error);
  memset(p, 1, MIB);
  refuse(SYS_madvise, 0, ENOMEM);
  cr_assert_eq(os_purge_if_possible(p, MIB), 0);
  cr_assert(p[0] == 1 && p[MIB - 1] == 1);
  os_purge(p, MIB);
  cr_assert(is_zero(p, MIB));
}

static char *opened(size_t size) {
  int error;
  char *place = os_map(size, UNIT_SIZE, &error);
  os_unmap(place, size);
  cr_assert_eq(os_reserve(place, size), OS_PLACE_OURS);
  cr_assert_eq(os_reserve(place + UNIT_SIZE, UNIT_SIZE), OS_PLACE_TAKEN);
  cr_assert(os_open(place, size));
  cr_assert(is_zero(place, size));
  memset(place, 1, size);
  return place;
}

Test(os, what_is_closed_opens_as_zero) {
  char *p = opened(MIB);
  cr_assert(os_close(p + UNIT_SIZE, MIB - UNIT_SIZE));
  cr_assert(os_open(p, MIB));
  cr_assert(p[UNIT_SIZE - 1] == 1 && is_zero(p + UNIT_SIZE, MIB - UNIT_SIZE));
  memset(p, 2, MIB);
  refuse(SYS_madvise, 0, EPERM);
  cr_assert(os_close(p, MIB));
  cr_assert(os_open(p, MIB));
  cr_assert(is_zero(p, MIB));
}

Test(os, what_is_not_closed_is_said) {
  char *p = opened(MIB);
  refuse(SYS_mprotect, 0, EPERM);
  cr_assert(!os_open(p, MIB));
  cr_assert(os_close(p, MIB / 2), "a new mapping took its place");
  refuse(SYS_mmap, 0, EPERM);
  cr_assert(!os_close(p + MIB / 2, MIB / 2));
  cr_assert(os_resident(p, MIB) == 0 && is_zero(p + MIB / 2, MIB / 2));
}

Test(os, what_is_not_moved_stays) {
  int error;
  char *from = os_map(MIB, UNIT_SIZE, &error), *to = os_map(2 * MIB, UNIT_SIZE, &error);
  memset(from, 7, MIB);
  const size_t before = os_mapped();
  refuse(SYS_mremap, 0, ENOMEM);
  cr_assert_eq(os_move(from, MIB, to, 2 * MIB), OS_STAYED);
  cr_assert(!os_resize(from, MIB, MIB / 2));
  cr_assert_eq(os_mapped(), before);
  cr_assert(from[0] == 7 && from[MIB - 1] == 7 && is_zero(to, 2 * MIB));
}

/*
 * The kernel unmaps the target of a move, another thread maps something of its own there, and then the kernel refuses: here a signal handler does
 * all of that in place of the kernel.
 */
static char *target;
static bool taken; /* by the other thread */

static void on_move(int signal, siginfo_t *info, void *context) {
  (void)signal, (void)info;
  ucontext_t *interrupted = context;
  munmap(target, 2 * MIB);
  if (taken) {
    mmap(target + MIB, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    memset(target + MIB, 9, MIB);
  }
#if defined(__x86_64__)
  interrupted->uc_mcontext.gregs[REG_RAX] = -ENOMEM;
#elif defined(__aarch64__)
  interrupted->uc_mcontext.regs[0] = (uint64_t)-ENOMEM;
#endif
}

static void check_refused_move(bool is_taken, enum os_moved expected) {
  int error;
  char *from = os_map(MIB, UNIT_SIZE, &error);
  target = os_map(2 * MIB, UNIT_SIZE, &error);
  taken = is_taken;
  memset(from, 7, MIB);
  const size_t before = os_mapped();
  sigaction(SIGSYS, &(struct sigaction){.sa_sigaction = on_move, .sa_flags = SA_SIGINFO}, NULL);
  filter(SYS_mremap, MREMAP_FIXED, SECCOMP_RET_TRAP);
  cr_assert_eq(os_move(from, MIB, target, 2 * MIB), expected);
  cr_assert_eq(os_mapped(), before - (is_taken ? 2 * MIB : 0));
  cr_assert(from[0] == 7 && from[MIB - 1] == 7);
}

Test(os, a_target_that_is_anothers_is_not_touched) {
  check_refused_move(true, OS_TARGET_LOST);
  cr_assert(target[MIB] == 9 && target[2 * MIB - 1] == 9);
}

Test(os, a_target_that_was_unmapped_is_mapped_again) {
  check_refused_move(false, OS_STAYED);
  cr_assert(is_zero(target, 2 * MIB));
}

Test(os, tables_lie_between_pages_that_cannot_be_touched) {
  static const size_t sizes[] = {1, 4096, 5000, 256 * KIB};
  for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
    const size_t size = align_up(sizes[i], os_page_size()), before = os_mapped();
    char *const table = os_map_table(sizes[i]);
    cr_assert_not_null(table);
    for (size_t at = 0; at < size; at++) cr_assert_eq(table[at], 0);
    table[0] = table[size - 1] = 1;
    cr_assert(can_touch(table) && can_touch(table + size - 1));
    cr_assert(!can_touch(table - 1) && !can_touch(table + size));
    os_unmap_table(table, sizes[i]);
    cr_assert_eq(os_mapped(), before);
    cr_assert_not(can_touch(table));
  }
}

/* The chunks of descriptors and of threads' lists, and the leaves of the directory. */
Test(os, metadata_lies_between_such_pages) {
  const char *p = os_metadata(64);
  const char *end = (const char *)align_up((uintptr_t)p, os_page_size());
  unsigned pages = 0;
  for (; can_touch(end); end += os_page_size()) cr_assert_lt(pages++, 64, "a chunk has 64 pages");
  const char *start = (const char *)align_down((uintptr_t)p, os_page_size());
  for (; can_touch(start - 1); start -= os_page_size()) cr_assert_lt(pages++, 64);
}

Test(os, metadata_is_zeroed_aligned_and_given_once) {
  static char *pieces[2000];
  const size_t before = os_metadata_used();
  size_t total = 0;
  for (size_t i = 0; i < 2000; i++) {
    const size_t size = i % 97 == 0 ? 60 * KIB : 1 + i * 7 % 900;
    pieces[i] = os_metadata(size);
    cr_assert_not_null(pieces[i]);
    cr_assert_eq((uintptr_t)pieces[i] % 64, 0);
    cr_assert(is_zero(pieces[i], size));
    memset(pieces[i], (int)i | 1, size);
    total += align_up(size, 64);
  }
  cr_assert_eq(os_metadata_used(), before + total);
  for (size_t i = 0; i < 2000; i++) {
    const size_t size = i % 97 == 0 ? 60 * KIB : 1 + i * 7 % 900;
    for (size_t k = 0; k < size; k++) cr_assert_eq((unsigned char)pieces[i][k], (unsigned char)(i | 1));
  }
}

static void *take_metadata(void *arg) {
  for (int i = 0; i < 2000; i++) {
    uint64_t *p = os_metadata(200);
    cr_assert(p[0] == 0 && p[24] == 0, "metadata was handed out twice");
    p[0] = p[24] = (uintptr_t)arg + 1;
  }
  return NULL;
}

Test(os, metadata_from_several_threads) {
  pthread_t threads[4];
  const size_t before = os_metadata_used();
  for (uintptr_t i = 0; i < 4; i++) pthread_create(&threads[i], NULL, take_metadata, (void *)i);
  for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
  cr_assert_eq(os_metadata_used(), before + 4 * 2000 * 256);
}

Test(os, now_never_goes_back) {
  uint64_t before = os_now_ms();
  for (int i = 0; i < 1000; i++) {
    const uint64_t now = os_now_ms();
    cr_assert_geq(now, before);
    before = now;
  }
  usleep(30000);
  const uint64_t waited = os_now_ms() - before;
  cr_assert(waited >= 20 && waited < 5000);
}
