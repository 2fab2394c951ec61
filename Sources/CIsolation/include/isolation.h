#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

// Libraries that read files in a process of their own.
//
// Some libraries trust their files: a few changed bytes make them write beyond their memory, or loop. So every call into
// them runs in a child, which has a limit of memory and of computing time for each request; whatever happens to the child,
// this program reads "damaged" and goes on. Nor do they need a lock: every child has a library of its own.
//
// The child is forked, not executed: it runs only C, C++ and the library, and never returns.

/// A child that answers requests. Not for use by several threads at once.
typedef struct isolated_reader {
  int socket;
  pid_t pid;
} isolated_reader;

typedef enum isolated_status {
  isolated_done,
  /// The library cannot do it.
  isolated_failed,
  /// The file is whole, and is not read as it is.
  isolated_refused,
  /// There is no process: no more of them, or of open files, are allowed.
  isolated_unstarted,
  /// The system does not open the file.
  isolated_unopened,
  /// The file is another one than when it was opened first.
  isolated_changed,
  isolated_died
} isolated_status;

typedef struct isolated_reply {
  int32_t status;
  /// Why it failed or was not opened; what was found where it was refused.
  char reason[512];
  /// What may be the cause of a failure, or empty; what was expected where it was refused.
  char remark[128];
  int64_t number;
  /// How many bytes follow.
  uint64_t bytes;
} isolated_reply;

/// What a child does: sends a first reply, then answers requests until there are no more. Runs where `fork` has left a
/// process of many threads with one: plain C or C++, no Swift.
typedef void (*isolated_child)(int socket, const void *context);

/// Starts a child. On failure, the reply says why, and `reader` needs no stop; of a child that died, `number` is the
/// signal.
///
/// - Parameter memory: In bytes, the most that the child may take for itself.
void isolated_fork(
    isolated_child run, const void *context, uint64_t memory, isolated_reader *reader, isolated_reply *reply);

/// Sends a request of so many bytes. After `isolated_done`, `reply->bytes` have to be received.
void isolated_ask(const isolated_reader *reader, const void *request, size_t bytes, isolated_reply *reply);

/// 0 unless the child died meanwhile.
int isolated_receive(const isolated_reader *reader, void *target, size_t bytes);

/// Ends the child.
///
/// - Returns: the signal that had ended it if `has_died`, else 0.
int isolated_stop(const isolated_reader *reader, int has_died);

#ifdef __cplusplus
}
#endif
