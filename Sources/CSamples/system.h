#pragma once
#ifdef __linux__
#include <fcntl.h>
#include <malloc.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif
#include <errno.h>

// What the system has and Swift does not show.

/// Blocks of less than `threshold` bytes, and at most 32 MiB, are not mapped on their own, up to `kept` freed bytes
/// at the end of a heap stay with the process, and there are so many heaps at most.
static inline void system_keep_freed_memory(int threshold, int kept, int heaps) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, threshold);
  mallopt(M_TRIM_THRESHOLD, kept);
  mallopt(M_ARENA_MAX, heaps);
#else
  (void)threshold;
  (void)kept;
  (void)heaps;
#endif
}

/// Two files or folders of one file system get each other's names at one moment. Not all file systems can do that.
///
/// Returns 0, or -1 with `errno`.
static inline int system_exchange_names(const char *a, const char *b) {
#ifdef SYS_renameat2
  const unsigned exchange = 2;
  return (int)syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, exchange);
#else
  (void)a;
  (void)b;
  errno = ENOSYS;
  return -1;
#endif
}
