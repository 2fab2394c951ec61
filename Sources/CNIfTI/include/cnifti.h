#pragma once
#include <stddef.h>
#include <stdint.h>

/// What the NIfTI library says of a header. Codes are those of nifti1.h.
typedef struct cnifti_header {
  int is_one_file;
  int is_swapped;
  int dimensions;
  int64_t extents[7];
  /// Of the first sample in its file.
  int64_t offset;
  double slope, intercept;
  int length_unit, time_unit;
  double time_spacing;
  int qform_code, sform_code;
  /// Rows of the matrices from (i, j, k, 1) to x, y, z.
  double qform[12], sform[12];
  int intent;
  char intent_name[16];
} cnifti_header;

/// 1 or 2 for NIfTI, 0 for Analyze 7.5, −1 for anything else.
int cnifti_version(const void *bytes, size_t count);

/// Reads the header at `bytes`: 348 of them, 540 of version 2. The library trusts the number of dimensions, their product
/// and the offset: check them before. Returns 0 when it cannot.
int cnifti_read_header(const void *bytes, int version, cnifti_header *header);

/// Makes the header of a single file of three axes i, j, k: of version 1 or, where an extent needs it, 2; in this machine's
/// byte order.
///
/// @param spacing in millimetres; 0 where it is unknown.
/// @param bytes gets the header and the four bytes that say that no extension follows.
/// @return how many bytes they are, 352 or 544, or 0 when memory is missing.
int cnifti_make_header(const int64_t extents[3], const double spacing[3], int is_complex, void *bytes);

// Names of codes, which live as long as the program.
const char *cnifti_type_name(int type);
const char *cnifti_unit_name(int unit);
const char *cnifti_intent_name(int intent);
const char *cnifti_space_name(int code);

/// Where the axes of a matrix of 3 × 4 lead, as in "RAS".
void cnifti_orientation(const double *matrix, char letters[4]);

/// A file that is decompressed if it is compressed by gzip.
typedef struct znzptr cnifti_file;

cnifti_file *cnifti_open(const char *path);
void cnifti_close(cnifti_file *file);
/// Returns where the file stands then, or −1.
int64_t cnifti_seek(cnifti_file *file, int64_t offset);
/// Returns how many bytes were read, fewer at the end of the file, or −1.
int64_t cnifti_read(cnifti_file *file, void *target, size_t count);
