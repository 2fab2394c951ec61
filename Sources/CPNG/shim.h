#pragma once

#include <png.h>
#include <string.h>

// libpng's simplified interface is controlled by macros that Swift does not see.

/// Writes 8-bit grey pixels, rows from the top. Returns 0 and leaves a message when it fails.
static inline int cpng_write_gray(const char *path, const unsigned char *pixels, int rows, int columns,
                                  char *message, size_t capacity) {
  png_image image;
  memset(&image, 0, sizeof image);
  image.version = PNG_IMAGE_VERSION;
  image.width = (png_uint_32)columns;
  image.height = (png_uint_32)rows;
  image.format = PNG_FORMAT_GRAY;
  int done = png_image_write_to_file(&image, path, 0, pixels, 0, NULL);
  if (!done) {
    strncpy(message, image.message, capacity - 1);
    message[capacity - 1] = 0;
  }
  png_image_free(&image);
  return done;
}
