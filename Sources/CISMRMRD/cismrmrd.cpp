// Without its trait this target is empty: its library need not be there.
#ifdef CISMRMRD_ENABLED
#include "cismrmrd.h"

#include <cstdlib>
#include <cstring>
#include <exception>
#include <isolation_child.h>
#include <ismrmrd/dataset.h>
#include <ismrmrd/ismrmrd.h>
#include <ismrmrd/xml.h>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

struct Place {
  const char *path;
  const char *group;
};

struct Dataset : ISMRMRD::ISMRMRD_Dataset {
  explicit Dataset(const Place &place) {
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    // Every acquisition is converted through a mebibyte, which would be new from the system each time.
    H5set_free_list_limits(-1, -1, -1, -1, -1, -1);
    ISMRMRD::ismrmrd_set_error_handler([](const char *, int, const char *, int, const char *) {});
    // libismrmrd asks to write, too; with this file open it is refused and reads.
    if (H5Fopen(place.path, H5F_ACC_RDONLY, H5P_DEFAULT) < 0) throw std::runtime_error("it is no HDF5 file");
    ISMRMRD::ismrmrd_init_dataset(this, place.path, place.group);
    if (ISMRMRD::ismrmrd_open_dataset(this, false) != ISMRMRD::ISMRMRD_NOERROR)
      throw std::runtime_error("libismrmrd cannot open it");
  }
};

struct Acquisition : ISMRMRD::ISMRMRD_Acquisition {
  Acquisition(const Dataset &dataset, uint32_t index) {
    ISMRMRD::ismrmrd_init_acquisition(this);
    if (ISMRMRD::ismrmrd_read_acquisition(&dataset, index, this) != ISMRMRD::ISMRMRD_NOERROR)
      throw std::runtime_error("libismrmrd cannot read acquisition " + std::to_string(index + 1));
  }
  ~Acquisition() { ISMRMRD::ismrmrd_cleanup_acquisition(this); }
};

void set(int32_t (&target)[3], const ISMRMRD::MatrixSize &size) {
  target[0] = size.x;
  target[1] = size.y;
  target[2] = size.z;
}

void set(float (&target)[3], const ISMRMRD::FieldOfView_mm &size) {
  target[0] = size.x;
  target[1] = size.y;
  target[2] = size.z;
}

void set(cismrmrd_limit &target, const ISMRMRD::Optional<ISMRMRD::Limit> &limit) {
  if (!limit) return;
  target.is_stated = 1;
  target.center = limit->center;
}

cismrmrd_header header(const Dataset &dataset) {
  char *text = ISMRMRD::ismrmrd_read_header(&dataset);
  if (!text) throw std::runtime_error("it has no XML header");
  ISMRMRD::IsmrmrdHeader parsed;
  ISMRMRD::deserialize(text, parsed);
  if (parsed.encoding.empty()) throw std::runtime_error("its XML header has no encoding");
  const auto &encoding = parsed.encoding[0];
  cismrmrd_header result = {};
  result.trajectory = static_cast<int32_t>(encoding.trajectory);
  result.encodings = static_cast<int32_t>(parsed.encoding.size());
  set(result.encoded, encoding.encodedSpace.matrixSize);
  set(result.recon, encoding.reconSpace.matrixSize);
  set(result.encoded_size, encoding.encodedSpace.fieldOfView_mm);
  set(result.recon_size, encoding.reconSpace.fieldOfView_mm);
  set(result.step_1, encoding.encodingLimits.kspace_encoding_step_1);
  set(result.step_2, encoding.encodingLimits.kspace_encoding_step_2);
  if (parsed.acquisitionSystemInformation && parsed.acquisitionSystemInformation->relativeReceiverNoiseBandwidth)
    result.noise_bandwidth = *parsed.acquisitionSystemInformation->relativeReceiverNoiseBandwidth;
  result.acquisitions = ISMRMRD::ismrmrd_get_number_of_acquisitions(&dataset);
  return result;
}

cismrmrd_head head(const ISMRMRD::ISMRMRD_AcquisitionHeader &h) {
  cismrmrd_head r = {};
  r.flags = h.flags;
  r.step_1 = h.idx.kspace_encode_step_1;
  r.step_2 = h.idx.kspace_encode_step_2;
  r.average = h.idx.average;
  r.slice = h.idx.slice;
  r.contrast = h.idx.contrast;
  r.phase = h.idx.phase;
  r.repetition = h.idx.repetition;
  r.set = h.idx.set;
  r.samples = h.number_of_samples;
  r.coils = h.active_channels;
  r.discard_pre = h.discard_pre;
  r.discard_post = h.discard_post;
  r.center_sample = h.center_sample;
  r.space = h.encoding_space_ref;
  r.trajectory_dimensions = h.trajectory_dimensions;
  r.sample_time = h.sample_time_us;
  return r;
}

void keep(isolated_reply &reply, const char *reason) {
  reply.status = isolated_failed;
  std::strncpy(reply.reason, reason, sizeof reply.reason - 1);
}

/// Returns the bytes of an answer.
std::vector<char> answer(const Dataset &dataset, const cismrmrd_request &request) {
  std::vector<char> bytes;
  auto append = [&](const void *from, size_t count) {
    const char *start = static_cast<const char *>(from);
    bytes.insert(bytes.end(), start, start + count);
  };
  if (request.question == cismrmrd_heads) {
    for (uint64_t i = 0; i < request.count; i++) {
      Acquisition acquisition(dataset, static_cast<uint32_t>(request.start + i));
      // What was never written reads as zeros, one acquisition after another without end.
      if (acquisition.head.version == 0 && acquisition.head.number_of_samples == 0)
        throw std::runtime_error("acquisition " + std::to_string(request.start + i + 1) + " was never written");
      cismrmrd_head one = head(acquisition.head);
      append(&one, sizeof one);
    }
  } else {
    Acquisition acquisition(dataset, static_cast<uint32_t>(request.start));
    if (acquisition.head.active_channels != request.count || acquisition.head.number_of_samples != request.samples
        || !acquisition.data)
      throw std::runtime_error("an acquisition has changed");
    append(acquisition.data, sizeof(float) * 2 * request.count * request.samples);
  }
  return bytes;
}

void run(int socket, const void *context) {
  isolated_reply reply = {};
  try {
    Dataset dataset(*static_cast<const Place *>(context));
    cismrmrd_header found = header(dataset);
    reply.bytes = sizeof found;
    if (isolated_send(socket, &reply, sizeof reply) != 0 || isolated_send(socket, &found, sizeof found) != 0) return;
    cismrmrd_request request;
    while (isolated_take(socket, &request, sizeof request) == 0) {
      isolated_allow(request.work);
      reply = {};
      std::vector<char> bytes;
      try {
        bytes = answer(dataset, request);
      } catch (const std::exception &error) {
        keep(reply, error.what());
      }
      reply.bytes = reply.status == isolated_done ? bytes.size() : 0;
      if (isolated_send(socket, &reply, sizeof reply) != 0 || isolated_send(socket, bytes.data(), reply.bytes) != 0) return;
    }
  } catch (const std::exception &error) {
    keep(reply, error.what());
    isolated_send(socket, &reply, sizeof reply);
  }
}

}  // namespace

void cismrmrd_start(
    const char *path, const char *group, uint64_t memory, isolated_reader *reader, isolated_reply *reply,
    cismrmrd_header *header) {
  Place place = {path, group};
  isolated_fork(run, &place, memory, reader, reply);
  if (reply->status != isolated_done) return;
  if (reply->bytes == sizeof *header && isolated_receive(reader, header, sizeof *header) == 0) return;
  reply->status = isolated_died;
  reply->number = isolated_stop(reader, 1);
}

#endif
