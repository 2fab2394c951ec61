#pragma once
#include <isolation.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// GDCM, in a process of its own; see isolation.h. Its codecs do not survive damaged files.
//
// No text of a file leaves the process, so no patient does: codes are compared with lists of technical terms there, and
// only their numbers are told.

typedef enum cdicom_question {
  /// A `cdicom_header`, and `descriptions` times a `cdicom_frame` behind it.
  cdicom_describe,
  /// Samples of some rows of a frame, in this machine's byte order.
  cdicom_samples
} cdicom_question;

/// How samples are compressed.
typedef enum cdicom_compression {
  cdicom_raw, cdicom_deflated, cdicom_rle, cdicom_jpeg, cdicom_jpeg_lossless, cdicom_jpeg_ls, cdicom_jpeg_2000, cdicom_video
} cdicom_compression;

/// Of a frame, what is stated.
typedef enum cdicom_stated {
  cdicom_position = 1, cdicom_orientation = 2, cdicom_pixel_spacing = 4, cdicom_slope = 8, cdicom_intercept = 16
} cdicom_stated;

/// What the distances of pixels are those of.
typedef enum cdicom_plane { cdicom_object, cdicom_detector, cdicom_scanned_film } cdicom_plane;

/// What numbers mean after rescaling.
typedef enum cdicom_meaning { cdicom_unstated, cdicom_hounsfield, cdicom_other_meaning } cdicom_meaning;

/// Numbers that are stated and cannot be read are NaN.
typedef struct cdicom_frame {
  /// A sum of `cdicom_stated`.
  int32_t stated;
  int32_t plane;
  int32_t meaning;
  /// Of the first pixel, in mm.
  double position[3];
  /// Directions of a row, along which the column changes, and of a column.
  double orientation[6];
  /// Between rows, between columns, in mm.
  double spacing[2];
  double slope, intercept;
} cdicom_frame;

/// What differs once a file has been written to or replaced.
typedef struct cdicom_state {
  uint64_t device, inode, bytes;
  /// When it was last written to.
  int64_t seconds, nanoseconds;
} cdicom_state;

typedef struct cdicom_header {
  cdicom_state state;
  /// A digest of what names the series; 0 where nothing does.
  uint64_t series;
  int32_t is_directory;
  int32_t is_computed_tomography;
  /// Names of `cdicom_modality` and `cdicom_photometric`; −1 for another or none.
  int32_t modality;
  int32_t photometric;
  int32_t compression;
  int32_t is_big_endian;
  /// 0 where there are none.
  int32_t rows, columns;
  int32_t samples_per_pixel;
  int32_t bits_allocated, bits_stored, high_bit, is_signed, is_float;
  /// A table instead of a slope and an intercept.
  int32_t has_value_table;
  int64_t frames;
  int32_t has_instance;
  int64_t instance;
  /// Of the samples, up to the end of the file; 0 where there are none.
  uint64_t bytes;
  /// Of compressed samples: those that are complete.
  uint64_t fragments;
  /// 1 for what holds for all frames, or one for every frame.
  uint64_t descriptions;
} cdicom_header;

typedef struct cdicom_request {
  int32_t question;
  char path[4096];
  /// For samples; counted from 0.
  int64_t frame;
  int32_t first_row, row_count;
  /// What the header said; another file is refused.
  cdicom_state state;
  int32_t rows, columns, bits_allocated;
  /// In bytes, what answering may decode: the allowance of computing time grows with it.
  uint64_t work;
} cdicom_request;

/// The term of a modality, such as "CT"; NULL beyond the last one.
const char *cdicom_modality(int32_t index);
/// The term of a photometric interpretation, such as "MONOCHROME2"; NULL beyond the last one.
const char *cdicom_photometric(int32_t index);

/// Starts a child, as `isolated_fork` does; it answers `cdicom_request`s.
void cdicom_start(uint64_t memory, isolated_reader *reader, isolated_reply *reply);

#ifdef __cplusplus
}
#endif
