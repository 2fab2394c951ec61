#pragma once
#include <isolation.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

// libismrmrd, in a process of its own as libhdf5 is; see isolation.h.

typedef enum cismrmrd_question {
  /// `count` heads from acquisition `start` on.
  cismrmrd_heads,
  /// Samples of acquisition `start`, which has `count` coils with `samples` samples: pairs of float, coil by coil.
  cismrmrd_samples
} cismrmrd_question;

typedef struct cismrmrd_request {
  int32_t question;
  uint64_t start, count, samples;
  /// In bytes, what answering may decode: the allowance of computing time grows with it.
  uint64_t work;
} cismrmrd_request;

/// A limit of the encoding; `is_stated` is 0 where the header has none.
typedef struct cismrmrd_limit {
  int32_t is_stated;
  int32_t center;
} cismrmrd_limit;

/// What of the XML header is used, of the first encoding. Nothing of a patient.
typedef struct cismrmrd_header {
  /// As the standard orders them: Cartesian, EPI, radial, golden angle, spiral, other.
  int32_t trajectory;
  int32_t encodings;
  int32_t encoded[3];
  int32_t recon[3];
  /// In mm.
  float encoded_size[3];
  float recon_size[3];
  cismrmrd_limit step_1;
  cismrmrd_limit step_2;
  /// 0 where it is not stated.
  float noise_bandwidth;
  uint64_t acquisitions;
} cismrmrd_header;

typedef struct cismrmrd_head {
  uint64_t flags;
  uint16_t step_1, step_2, average, slice, contrast, phase, repetition, set;
  uint16_t samples, coils, discard_pre, discard_post, center_sample, space, trajectory_dimensions;
  /// In microseconds.
  float sample_time;
} cismrmrd_head;

/// Starts a child and opens the dataset `group` of a file in it.
///
/// - Parameter header: set where the reply is `isolated_done`.
void cismrmrd_start(
    const char *path, const char *group, uint64_t memory, isolated_reader *reader, isolated_reply *reply,
    cismrmrd_header *header);

#ifdef __cplusplus
}
#endif
