// Loaded before the C library: kills the program at its n-th change of a file, or lets its n-th wait for the disk fail.
//   KILL_AT=n, FAIL_SYNC_AT=n; COUNT_TO=FILE says at the end how many changes there were.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static int changes, syncs;

static int number(const char *name) {
  const char *text = getenv(name);
  return text ? atoi(text) : 0;
}

static void change(void) {
  if (__sync_add_and_fetch(&changes, 1) == number("KILL_AT")) kill(getpid(), SIGKILL);
}

#define CHANGE(type, name, parameters, arguments) \
  type name parameters {                          \
    static type(*real) parameters;                \
    if (!real) real = dlsym(RTLD_NEXT, #name);    \
    change();                                     \
    return real arguments;                        \
  }

CHANGE(int, rename, (const char *from, const char *to), (from, to))
CHANGE(int, unlink, (const char *path), (path))
CHANGE(int, fsync, (int file), (file))
CHANGE(int, ftruncate, (int file, off_t size), (file, size))
CHANGE(int, ftruncate64, (int file, off_t size), (file, size))
CHANGE(int, truncate, (const char *path, off_t size), (path, size))
CHANGE(int, truncate64, (const char *path, off_t size), (path, size))
CHANGE(ssize_t, write, (int file, const void *bytes, size_t count), (file, bytes, count))
CHANGE(ssize_t, pwrite, (int file, const void *bytes, size_t count, off_t place), (file, bytes, count, place))
CHANGE(ssize_t, pwrite64, (int file, const void *bytes, size_t count, off_t place), (file, bytes, count, place))

int fdatasync(int file) {
  static int (*real)(int);
  if (!real) real = dlsym(RTLD_NEXT, "fdatasync");
  change();
  if (__sync_add_and_fetch(&syncs, 1) == number("FAIL_SYNC_AT")) {
    errno = EIO;
    return -1;
  }
  return real(file);
}

__attribute__((destructor)) static void say(void) {
  const char *path = getenv("COUNT_TO");
  FILE *file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  fprintf(file, "%d", changes);
  fclose(file);
}
