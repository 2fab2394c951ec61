#pragma once
#include <isolation.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// libhdf5, in a process of its own; see isolation.h. A few changed bytes make it write beyond its memory, or loop, and
// Debian's serial build has no lock.

typedef enum chdf5_question {
  /// What `name` leads to: none, a group, a dataset, something else (0 to 3).
  chdf5_kind,
  /// Paths of objects that hard links lead to; each is 'D' or 'O', its path and a zero.
  chdf5_objects,
  /// The text of the attribute `attribute` of `name`, or of the dataset `name` where that is empty. `number` is 0 if there
  /// is none.
  chdf5_text,
  /// All numbers of the dataset `name`, as double.
  chdf5_numbers,
  /// A `chdf5_description` of the dataset `name`.
  chdf5_describe,
  /// Samples of the dataset `name`.
  chdf5_samples
} chdf5_question;

typedef enum chdf5_sample {
  chdf5_other, chdf5_u8, chdf5_u16, chdf5_u32, chdf5_i8, chdf5_i16, chdf5_i32, chdf5_f16, chdf5_f32, chdf5_f64
} chdf5_sample;

typedef struct chdf5_request {
  int32_t question;
  char name[1024];
  char attribute[64];
  /// In bytes, what answering may decode: the allowance of computing time grows with it.
  uint64_t work;
  // For samples: the part of the dataset, and what they become; `components` is 2 for complex ones.
  int32_t rank;
  uint64_t start[3];
  uint64_t count[3];
  int32_t sample;
  int32_t components;
  /// In bytes, for decoded chunks; 0 leaves the library's.
  uint64_t cache;
} chdf5_request;

typedef enum chdf5_layout { chdf5_compact, chdf5_contiguous, chdf5_chunked, chdf5_virtual, chdf5_unknown } chdf5_layout;

typedef enum chdf5_class { chdf5_integers, chdf5_floats, chdf5_texts, chdf5_enumeration, chdf5_records, chdf5_rest } chdf5_class;

typedef struct chdf5_description {
  int32_t layout;
  /// Files outside that hold samples.
  int32_t external;
  int32_t filters;
  int32_t filter_ids[32];
  int32_t filter_installed[32];
  char filter_names[32][32];
  int32_t rank;
  uint64_t extents[32];
  uint64_t chunk[32];
  uint64_t chunks_written;
  /// Whether a dataset in one piece has a place in the file.
  int32_t is_written;
  int32_t type_class;
  /// Bytes of a sample.
  uint64_t size;
  int32_t sample;
  int32_t components;
  int32_t is_big_endian;
} chdf5_description;

/// Starts a child and opens `path` in it, as `isolated_fork` does; it answers `chdf5_request`s.
void chdf5_start(const char *path, uint64_t memory, isolated_reader *reader, isolated_reply *reply);

#ifdef __cplusplus
}
#endif
