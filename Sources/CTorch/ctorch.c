#define _GNU_SOURCE
#include "ctorch.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const ctorch_functions *functions;
static char reason[1024];
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
        snprintf(reason, sizeof reason, "%s", dlerror());
        return;
      }
    }
  }
  if (!library) library = dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    snprintf(reason, sizeof reason,
             "networks need %s, which is built with the program and has to lie beside it (%s)", name, dlerror());
    return;
  }
  const ctorch_functions *(*find)(size_t) =
      (const ctorch_functions *(*)(size_t))dlsym(library, "deft_torch_functions");
  functions = find ? find(sizeof *functions) : NULL;
  if (!functions) snprintf(reason, sizeof reason, "%s belongs to another version of the program", name);
}

const ctorch_functions *ctorch_load(char **error) {
  pthread_once(&once, load);
  if (!functions && error) *error = strdup(reason);
  return functions;
}
