#define _GNU_SOURCE
#include "ctorch.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const ctorch_functions *functions;
static char reason[8192];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static const char name[] = "libDeftTorch.so";

static void load(void) {
  char path[4096];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - sizeof name);
  void *library = NULL;
  if (length > 0) {
    while (length > 0 && path[length - 1] != '/') length--;
    strcpy(path + length, name);
    if (access(path, F_OK) == 0) {
      library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
      if (!library) {
        snprintf(reason, sizeof reason, "networks need '%s', which cannot be loaded (%s); build the program again with 'make'",
                 path, dlerror());
        return;
      }
    }
  }
  if (!library) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    snprintf(reason, sizeof reason,
             "networks need %s (%s); 'make' builds it with the program, and it has to lie beside it", name, dlerror());
    return;
  }
  const ctorch_functions *(*find)(const char *) =
      (const ctorch_functions *(*)(const char *))dlsym(library, "deft_torch_functions");
  functions = find ? find(ctorch_signatures) : NULL;
  if (!functions)
    snprintf(reason, sizeof reason, "%s belongs to another version of the program; build both again with 'make'", name);
}

const ctorch_functions *ctorch_load(char **error) {
  pthread_once(&once, load);
  if (!functions && error) *error = strdup(reason);
  return functions;
}
