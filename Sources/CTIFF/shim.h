#pragma once
#include <stdarg.h>
#include <stdio.h>
#include <tiffio.h>

// What Swift cannot call: handlers that take a va_list, and the variadic TIFFGetField.

/// The first error of a handle since it was last cleared. Lives beside the handle, at a fixed address.
typedef struct ctiff_message {
  char text[480];
} ctiff_message;

static int ctiff_keep_error(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
  (void)tiff;
  (void)module;
  ctiff_message *message = (ctiff_message *)user;
  if (message->text[0] == 0) vsnprintf(message->text, sizeof message->text, format, arguments);
  return 1;  // handled: the process-wide handler stays silent
}

static int ctiff_drop_warning(TIFF *tiff, void *user, const char *module, const char *format, va_list arguments) {
  (void)tiff;
  (void)user;
  (void)module;
  (void)format;
  (void)arguments;
  return 1;
}

/// Opens a file with its own error handler. No single allocation inside libtiff exceeds `allocation_limit` bytes.
static inline TIFF *ctiff_open(
    const char *path, const char *mode, ctiff_message *message, tmsize_t allocation_limit) {
  TIFFOpenOptions *options = TIFFOpenOptionsAlloc();
  if (!options) return NULL;
  TIFFOpenOptionsSetErrorHandlerExtR(options, ctiff_keep_error, message);
  TIFFOpenOptionsSetWarningHandlerExtR(options, ctiff_drop_warning, NULL);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options, allocation_limit);
  TIFF *tiff = TIFFOpenExt(path, mode, options);
  TIFFOpenOptionsFree(options);
  return tiff;
}

// One wrapper per C type behind TIFFGetField; 1 when the tag has a value, stated or by default.

static inline int ctiff_get_uint16(TIFF *tiff, uint32_t tag, uint16_t *value) {
  return TIFFGetFieldDefaulted(tiff, tag, value);
}
static inline int ctiff_get_uint32(TIFF *tiff, uint32_t tag, uint32_t *value) {
  return TIFFGetFieldDefaulted(tiff, tag, value);
}

// One wrapper per C type behind TIFFSetField; 1 on success.

static inline int ctiff_set_uint16(TIFF *tiff, uint32_t tag, uint16_t value) {
  return TIFFSetField(tiff, tag, (int)value);
}
static inline int ctiff_set_uint32(TIFF *tiff, uint32_t tag, uint32_t value) {
  return TIFFSetField(tiff, tag, value);
}
static inline int ctiff_set_double(TIFF *tiff, uint32_t tag, double value) {
  return TIFFSetField(tiff, tag, value);
}
static inline int ctiff_set_string(TIFF *tiff, uint32_t tag, const char *value) {
  return TIFFSetField(tiff, tag, value);
}
