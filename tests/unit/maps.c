/* What lies at an address, and reading what may not be readable. */
#include "memory/maps.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

Test(maps, finds_what_is_mapped) {
  struct maps_region region;
  char variable = 7;
  cr_assert_eq(maps_find((uintptr_t)&variable, &region), MAPS_FOUND);
  cr_assert(region.start <= (uintptr_t)&variable && (uintptr_t)&variable < region.end);
  cr_assert_not(region.executable);
  cr_assert_eq(maps_find((uintptr_t)&maps_find, &region), MAPS_FOUND);
  cr_assert(region.executable);
  cr_assert_eq(region.path[0], '/');
}

Test(maps, finds_nothing_where_nothing_is) {
  struct maps_region region;
  char *p = mmap(NULL, 3 * 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  munmap(p + 4096, 4096);
  cr_assert_eq(maps_find((uintptr_t)p + 4095, &region), MAPS_FOUND);
  cr_assert_eq(region.path[0], '\0');
  cr_assert_eq(maps_find((uintptr_t)p + 4096, &region), MAPS_NOTHING);
  cr_assert_eq(maps_find((uintptr_t)p + 8192, &region), MAPS_FOUND);
  cr_assert_eq(maps_find(0, &region), MAPS_NOTHING);
  cr_assert_eq(maps_find(UINTPTR_MAX, &region), MAPS_NOTHING);
}

Test(maps, a_long_path_is_cut) {
  char path[200 + 200 + 32] = "/tmp/";
  memset(path + 5, 'd', 200);
  path[205] = '\0';
  cr_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
  path[205] = '/';
  memset(path + 206, 'f', 200);
  const int fd = open(path, O_RDWR | O_CREAT, 0600);
  cr_assert_geq(fd, 0);
  cr_assert_eq(ftruncate(fd, 4096), 0);
  void *p = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0), *next = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0);
  unlink(path);
  path[205] = '\0';
  rmdir(path);
  struct maps_region region;
  for (int i = 0; i < 2; i++) {
    cr_assert_eq(maps_find((uintptr_t)(i == 0 ? p : next), &region), MAPS_FOUND);
    cr_assert_eq(strlen(region.path), MAPS_PATH - 1);
  }
}

Test(maps, reads_only_what_can_be_read) {
  char *p = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), to[16] = "";
  strcpy(p + 4080, "fifteen letters");
  mprotect(p + 4096, 4096, PROT_NONE);
  errno = 77;
  cr_assert(maps_read(to, p + 4080, 16));
  cr_assert_str_eq(to, "fifteen letters");
  cr_assert_not(maps_read(to, p + 4081, 16));
  cr_assert_not(maps_read(to, NULL, 1));
  cr_assert_eq(errno, 77);
}

Test(maps, tells_what_can_be_read) {
  char *p = mmap(NULL, 2 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  mprotect(p + 4096, 4096, PROT_NONE);
  cr_assert(maps_is_readable(p + 4095));
  cr_assert(maps_is_surely_readable(p + 4095));
  cr_assert_not(maps_is_readable(p + 4096));
  cr_assert_not(maps_is_surely_readable(p + 4096));
}
