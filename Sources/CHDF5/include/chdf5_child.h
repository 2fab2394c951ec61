#pragma once
#include "chdf5.h"

// For other libraries on libhdf5 that read in a child, too.

#ifdef __cplusplus
extern "C" {
#endif

/// What a child does: sends a first reply, then answers requests until there are no more. Runs where `fork` has left a
/// process of many threads with one: plain C or C++, no Swift.
typedef void (*chdf5_child)(int socket, const void *context);

/// As `chdf5_start`, with another child.
void chdf5_fork(
    chdf5_child run, const void *context, uint64_t memory, chdf5_reader *reader, chdf5_reply *reply);

/// Within the child: allows some seconds of computing more.
void chdf5_allow(uint64_t work);

/// 0 unless the other side is gone.
int chdf5_send(int socket, const void *bytes, size_t count);
int chdf5_take(int socket, void *bytes, size_t count);

#ifdef __cplusplus
}
#endif
