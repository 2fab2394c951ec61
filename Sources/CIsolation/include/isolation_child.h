#pragma once
#include "isolation.h"

// Within a child.

#ifdef __cplusplus
extern "C" {
#endif

/// Allows some seconds of computing more.
///
/// - Parameter work: In bytes, what is to be decoded.
void isolated_allow(uint64_t work);

/// 0 unless the other side is gone.
int isolated_send(int socket, const void *bytes, size_t count);
int isolated_take(int socket, void *bytes, size_t count);

#ifdef __cplusplus
}
#endif
