#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

// What libDeftTorch has, loaded when the first of it is asked for.
//
// libtorch takes half a second and a hundred megabytes to load: most of what deft does needs none of it.

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ctorch_tensor ctorch_tensor;
typedef struct ctorch_adamw ctorch_adamw;
typedef struct ctorch_script ctorch_script;

typedef struct {
#define CTORCH(TYPE, NAME, PARAMETERS, ARGUMENTS, FAILED, ERROR) TYPE(*NAME) PARAMETERS;
#define CTORCH_DO(NAME, PARAMETERS, ARGUMENTS) void(*NAME) PARAMETERS;
#include "ctorch_functions.h"
} ctorch_functions;

/// All of it as text: a library that was built from another list is not called.
#define CTORCH(TYPE, NAME, PARAMETERS, ARGUMENTS, FAILED, ERROR) #TYPE " " #NAME #PARAMETERS ";"
#define CTORCH_DO(NAME, PARAMETERS, ARGUMENTS) #NAME #PARAMETERS ";"
static const char ctorch_signatures[] =
#include "ctorch_functions.h"
    ;

/// The library beside the program, or wherever the system finds it; NULL with a message where there is none.
const ctorch_functions *ctorch_load(char **error);

static inline void ctorch_free_message(char *message) { free(message); }

#ifndef CTORCH_IMPLEMENTATION
#define CTORCH(TYPE, NAME, PARAMETERS, ARGUMENTS, FAILED, ERROR) \
  static inline TYPE ctorch_##NAME PARAMETERS {                  \
    const ctorch_functions *functions = ctorch_load(ERROR);      \
    return functions ? functions->NAME ARGUMENTS : FAILED;       \
  }
#define CTORCH_DO(NAME, PARAMETERS, ARGUMENTS)                   \
  static inline void ctorch_##NAME PARAMETERS {                  \
    const ctorch_functions *functions = ctorch_load(NULL);       \
    if (functions) functions->NAME ARGUMENTS;                    \
  }
#include "ctorch_functions.h"
#endif

#ifdef __cplusplus
}
#endif
