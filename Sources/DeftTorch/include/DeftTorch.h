#pragma once
#include "ctorch.h"

#ifdef __cplusplus
extern "C"
#endif
/// What `ctorch_load` finds.
///
/// - `signatures`: of the functions that the program knows.
/// Returns NULL where this library has others.
__attribute__((visibility("default"))) const ctorch_functions *deft_torch_functions(const char *signatures);
