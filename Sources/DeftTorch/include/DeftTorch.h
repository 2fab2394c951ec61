#pragma once
#include "ctorch.h"

#ifdef __cplusplus
extern "C"
#endif
/// What `ctorch_load` finds.
///
/// - `size`: of the table that the program knows.
/// Returns NULL where that is another one.
__attribute__((visibility("default"))) const ctorch_functions *deft_torch_functions(size_t size);
