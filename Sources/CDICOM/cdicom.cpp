// Without its trait this target is empty: its library need not be there.
#ifdef CDICOM_ENABLED
#include "cdicom.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <ext/stdio_filebuf.h>
#include <fcntl.h>
#include <gdcm-3.0/gdcmImage.h>
#include <gdcm-3.0/gdcmReader.h>
#include <gdcm-3.0/gdcmSequenceOfFragments.h>
#include <gdcm-3.0/gdcmSequenceOfItems.h>
#include <gdcm-3.0/gdcmTrace.h>
#include <isolation_child.h>
#include <istream>
#include <limits>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace {

using gdcm::DataSet;
using gdcm::Tag;

const char *const modalities[] = {
    "CR", "CT", "DX", "ES", "GM", "IO", "IVOCT", "IVUS", "MG", "MR", "NM", "OCT", "OP", "OPT", "OT", "PT", "PX", "RF",
    "RG", "RTDOSE", "RTIMAGE", "SC", "SEG", "SM", "TG", "US", "XA", "XC"};
const char *const photometrics[] = {
    "MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "HSV", "ARGB", "CMYK", "YBR_FULL", "YBR_FULL_422",
    "YBR_PARTIAL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT", "XYB"};

const Tag pixel_data(0x7fe0, 0x0010), float_pixel_data(0x7fe0, 0x0008), double_pixel_data(0x7fe0, 0x0009);

// MARK: Values

const gdcm::ByteValue *value(const DataSet &set, const Tag &tag) {
  return set.FindDataElement(tag) ? set.GetDataElement(tag).GetByteValue() : nullptr;
}

/// Without the padding around it; empty where there is none.
std::string text(const DataSet &set, const Tag &tag) {
  const gdcm::ByteValue *bytes = value(set, tag);
  if (!bytes || !bytes->GetPointer()) return "";
  std::string all(bytes->GetPointer(), bytes->GetLength());
  all = all.substr(0, all.find('\0'));
  size_t first = all.find_first_not_of(' '), last = all.find_last_not_of(' ');
  return first == std::string::npos ? "" : all.substr(first, last - first + 1);
}

template <size_t count>
int32_t term(const std::string &text, const char *const (&terms)[count]) {
  for (size_t i = 0; i < count; i++) {
    if (text == terms[i]) return static_cast<int32_t>(i);
  }
  return -1;
}

/// Reads exactly so many numbers of a text; NaN where it holds others.
///
/// - Returns: whether there is a text.
bool numbers(const DataSet &set, const Tag &tag, double *target, size_t count) {
  const std::string all = text(set, tag);
  if (all.empty()) return false;
  std::fill(target, target + count, std::numeric_limits<double>::quiet_NaN());
  const char *rest = all.c_str();
  for (size_t i = 0; i < count; i++) {
    char *end = nullptr;
    double number = std::strtod(rest, &end);
    while (*end == ' ') end++;
    if (end == rest || !std::isfinite(number) || *end != (i + 1 < count ? '\\' : '\0')) {
      target[0] = std::numeric_limits<double>::quiet_NaN();
      return true;
    }
    target[i] = number;
    rest = end + 1;
  }
  return true;
}

/// A whole number of 16 bits; 0 where there is none.
int32_t whole(const DataSet &set, const Tag &tag) {
  const gdcm::ByteValue *bytes = value(set, tag);
  uint16_t number = 0;
  if (bytes && bytes->GetPointer() && bytes->GetLength() >= sizeof number)
    std::memcpy(&number, bytes->GetPointer(), sizeof number);
  return number;
}

gdcm::SmartPointer<gdcm::SequenceOfItems> items(const DataSet &set, const Tag &tag) {
  if (!set.FindDataElement(tag)) return nullptr;
  return set.GetDataElement(tag).GetValueAsSQ();
}

// MARK: Frames

/// Adds what a set states to what is known of a frame.
void add(cdicom_frame &frame, const DataSet &set) {
  if (numbers(set, Tag(0x0020, 0x0032), frame.position, 3)) frame.stated |= cdicom_position;
  if (numbers(set, Tag(0x0020, 0x0037), frame.orientation, 6)) frame.stated |= cdicom_orientation;
  if (numbers(set, Tag(0x0028, 0x0030), frame.spacing, 2)) {
    frame.stated |= cdicom_pixel_spacing;
    frame.plane = cdicom_object;
  }
  if (numbers(set, Tag(0x0028, 0x1052), &frame.intercept, 1)) frame.stated |= cdicom_intercept;
  if (numbers(set, Tag(0x0028, 0x1053), &frame.slope, 1)) frame.stated |= cdicom_slope;
  const std::string meaning = text(set, Tag(0x0028, 0x1054));
  if (!meaning.empty()) frame.meaning = meaning == "HU" ? cdicom_hounsfield : cdicom_other_meaning;
}

/// Adds what the functional groups of an item state.
void add_groups(cdicom_frame &frame, const DataSet &set) {
  // Plane position, plane orientation, pixel measures, transformation of pixel values.
  for (const Tag &group : {Tag(0x0020, 0x9113), Tag(0x0020, 0x9116), Tag(0x0028, 0x9110), Tag(0x0028, 0x9145)}) {
    auto sequence = items(set, group);
    if (sequence && sequence->GetNumberOfItems() > 0) add(frame, sequence->GetItem(1).GetNestedDataSet());
  }
}

// MARK: Files

/// A reader that stops at the samples.
struct Start : gdcm::Reader {
  /// Of the next byte; −1 at the end of the file.
  int64_t place() const {
    return GetStreamPtr() && *GetStreamPtr() ? static_cast<int64_t>(GetStreamPtr()->tellg()) : -1;
  }
};

/// The system does not open it; of its own words, none are those of the file.
struct Unopened : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// It is another one than when it was described.
struct Changed : std::runtime_error {
  Changed() : std::runtime_error("") {}
};

bool operator==(const cdicom_state &a, const cdicom_state &b) {
  return a.device == b.device && a.inode == b.inode && a.bytes == b.bytes && a.seconds == b.seconds
      && a.nanoseconds == b.nanoseconds;
}

struct Range {
  uint64_t start, count;
};

struct Descriptor {
  int number;
  ~Descriptor() { if (number >= 0) close(number); }
};

class File {
 public:
  std::string path;
  cdicom_header header = {};
  std::vector<cdicom_frame> frames;

  /// - Parameter expected: what it was; null for whatever it is.
  File(const char *name, const cdicom_state *expected)
      : path(name), descriptor{open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)} {
    if (descriptor.number < 0) throw Unopened(std::strerror(errno));
    header.state = state();
    if (expected) expect(*expected);
    // Samples of floats have elements of their own, and of a file that has none all three are looked for.
    for (const Tag &tag : {pixel_data, float_pixel_data, double_pixel_data}) {
      // Not by its name, which may be that of another file by now.
      lseek(descriptor.number, 0, SEEK_SET);
      __gnu_cxx::stdio_filebuf<char> buffer(dup(descriptor.number), std::ios::in | std::ios::binary);
      if (!buffer.is_open()) throw Unopened(std::strerror(errno));
      std::istream stream(&buffer);
      Start start;
      start.SetStream(stream);
      if (!start.ReadUpToTag(tag, {pixel_data, float_pixel_data, double_pixel_data})) throw std::runtime_error("");
      // Its stream ends with the inflation.
      const bool is_deflated = start.GetFile().GetHeader().GetDataSetTransferSyntax()
          == gdcm::TransferSyntax::DeflatedExplicitVRLittleEndian;
      const bool is_found = !is_deflated && find_samples(start.place(), tag);
      if (is_found || is_deflated || tag == double_pixel_data) {
        header.is_float = is_found && !(tag == pixel_data);
        describe(start.GetFile());
        return;
      }
    }
  }
  File(const File &) = delete;
  File &operator=(const File &) = delete;

  void expect(const cdicom_state &expected) const {
    if (!(state() == expected)) throw Changed();
  }

  std::vector<char> rows(const cdicom_request &request) {
    const uint64_t row = row_bytes(), first = static_cast<uint64_t>(request.first_row);
    const uint64_t count = static_cast<uint64_t>(request.row_count), frame = static_cast<uint64_t>(request.frame);
    std::vector<char> samples;
    if (header.compression == cdicom_raw) {
      samples = bytes(start_of_samples, (frame * static_cast<uint64_t>(header.rows) + first) * row, count * row);
      restore(samples, header.high_bit + 1 - header.bits_stored);
    } else {
      if (decoded_frame != request.frame) {
        decoded_frame = -1;
        decoded = decode(frame);
        decoded_frame = request.frame;
      }
      const char *start = decoded.data() + first * row;
      samples.assign(start, start + count * row);
    }
    return samples;
  }

 private:
  Descriptor descriptor;
  uint64_t start_of_samples = 0;
  bool is_swapped = false, is_in_words = false;
  std::vector<Range> fragments;
  std::vector<uint32_t> offsets;
  gdcm::TransferSyntax syntax;
  int64_t decoded_frame = -1;
  std::vector<char> decoded;

  cdicom_state state() const {
    struct stat status;
    if (fstat(descriptor.number, &status) < 0) throw Unopened(std::strerror(errno));
    if (!S_ISREG(status.st_mode)) throw Unopened("it is not a regular file");
    return {
        static_cast<uint64_t>(status.st_dev), static_cast<uint64_t>(status.st_ino), static_cast<uint64_t>(status.st_size),
        static_cast<int64_t>(status.st_mtim.tv_sec), static_cast<int64_t>(status.st_mtim.tv_nsec)};
  }

  uint64_t length() const { return header.state.bytes; }
  uint64_t sample_bytes() const { return static_cast<uint64_t>(header.bits_allocated) / 8; }
  uint64_t row_bytes() const { return static_cast<uint64_t>(header.columns) * sample_bytes(); }

  void read(char *target, uint64_t start, uint64_t count) const {
    while (count > 0) {
      ssize_t some = pread(descriptor.number, target, std::min<uint64_t>(count, 1 << 30), static_cast<off_t>(start));
      if (some <= 0) throw std::runtime_error("");
      target += some;
      start += static_cast<uint64_t>(some);
      count -= static_cast<uint64_t>(some);
    }
  }

  /// Whether the element of this tag begins before `place`: its value is not read, so its header is looked at once more.
  bool find_samples(int64_t place, const Tag &tag) {
    if (place < 12 || static_cast<uint64_t>(place) > length()) return false;
    unsigned char b[12];
    read(reinterpret_cast<char *>(b), static_cast<uint64_t>(place) - sizeof b, sizeof b);
    const auto is_tag = [&](int at, bool is_big) {
      int group = is_big ? b[at] << 8 | b[at + 1] : b[at + 1] << 8 | b[at];
      int element = is_big ? b[at + 2] << 8 | b[at + 3] : b[at + 3] << 8 | b[at + 2];
      return group == tag.GetGroup() && element == tag.GetElement();
    };
    // With and without its type.
    const bool is_big = is_tag(0, true);
    if (!is_big && !is_tag(0, false) && !is_tag(4, false)) return false;
    const bool is_typed = is_big || is_tag(0, false);
    is_in_words = is_typed && b[4] == 'O' && b[5] == 'W';
    uint32_t claimed = is_big ? static_cast<uint32_t>(b[8]) << 24 | b[9] << 16 | b[10] << 8 | b[11]
                              : static_cast<uint32_t>(b[11]) << 24 | b[10] << 16 | b[9] << 8 | b[8];
    start_of_samples = static_cast<uint64_t>(place);
    header.bytes = length() - start_of_samples;
    if (claimed != 0xffffffff) header.bytes = std::min<uint64_t>(header.bytes, claimed);
    return true;
  }

  void describe(const gdcm::File &file) {
    const DataSet &set = file.GetDataSet();
    syntax = file.GetHeader().GetDataSetTransferSyntax();
    header.is_directory = text(file.GetHeader(), Tag(0x0002, 0x0002)) == "1.2.840.10008.1.3.10";
    uint64_t digest = 0xcbf29ce484222325;  // FNV-1a
    const std::string series = text(set, Tag(0x0020, 0x000e));
    for (unsigned char byte : series) digest = (digest ^ byte) * 0x100000001b3;
    header.series = series.empty() ? 0 : digest;
    const std::string modality = text(set, Tag(0x0008, 0x0060));
    header.modality = term(modality, modalities);
    header.is_computed_tomography = modality == "CT";
    header.photometric = term(text(set, Tag(0x0028, 0x0004)), photometrics);
    header.rows = whole(set, Tag(0x0028, 0x0010));
    header.columns = whole(set, Tag(0x0028, 0x0011));
    header.samples_per_pixel = whole(set, Tag(0x0028, 0x0002));
    header.bits_allocated = whole(set, Tag(0x0028, 0x0100));
    header.bits_stored = whole(set, Tag(0x0028, 0x0101));
    header.high_bit = whole(set, Tag(0x0028, 0x0102));
    header.is_signed = whole(set, Tag(0x0028, 0x0103)) != 0;
    header.has_value_table = set.FindDataElement(Tag(0x0028, 0x3000));
    double number = 0;
    header.has_instance = numbers(set, Tag(0x0020, 0x0013), &number, 1) && std::abs(number) < 0x1p31;
    header.instance = header.has_instance ? static_cast<int64_t>(number) : 0;
    header.frames = 1;
    if (numbers(set, Tag(0x0028, 0x0008), &number, 1))
      header.frames = number >= 1 && number < 0x1p31 ? static_cast<int64_t>(number) : 0;
    set_compression();
    describe_frames(set);
  }

  void set_compression() {
    switch (static_cast<gdcm::TransferSyntax::TSType>(syntax)) {
      case gdcm::TransferSyntax::DeflatedExplicitVRLittleEndian: header.compression = cdicom_deflated; break;
      case gdcm::TransferSyntax::RLELossless: header.compression = cdicom_rle; break;
      case gdcm::TransferSyntax::JPEGLosslessProcess14:
      case gdcm::TransferSyntax::JPEGLosslessProcess14_1: header.compression = cdicom_jpeg_lossless; break;
      case gdcm::TransferSyntax::JPEGLSLossless:
      case gdcm::TransferSyntax::JPEGLSNearLossless: header.compression = cdicom_jpeg_ls; break;
      case gdcm::TransferSyntax::JPEG2000Lossless:
      case gdcm::TransferSyntax::JPEG2000: header.compression = cdicom_jpeg_2000; break;
      case gdcm::TransferSyntax::JPEGBaselineProcess1:
      case gdcm::TransferSyntax::JPEGExtendedProcess2_4: header.compression = cdicom_jpeg; break;
      default: header.compression = syntax.IsEncapsulated() ? cdicom_video : cdicom_raw; break;
    }
    header.is_big_endian = syntax == gdcm::TransferSyntax::ExplicitVRBigEndian
        || syntax == gdcm::TransferSyntax::ImplicitVRBigEndianPrivateGE;
    is_swapped = header.is_big_endian;
    if (header.bytes > 0 && syntax.IsEncapsulated()) find_fragments();
    header.fragments = fragments.size();
  }

  void describe_frames(const DataSet &set) {
    cdicom_frame all = {};
    all.slope = 1;
    // The grid of a detector or a film, unless that of the object is stated.
    if (numbers(set, Tag(0x0018, 0x1164), all.spacing, 2)) {
      all.stated |= cdicom_pixel_spacing;
      all.plane = cdicom_detector;
    } else if (numbers(set, Tag(0x0018, 0x2010), all.spacing, 2)) {
      all.stated |= cdicom_pixel_spacing;
      all.plane = cdicom_scanned_film;
    }
    add(all, set);
    // The slope of a distribution of dose.
    if (numbers(set, Tag(0x3004, 0x000e), &all.slope, 1)) all.stated |= cdicom_slope;
    auto shared = items(set, Tag(0x5200, 0x9229)), own = items(set, Tag(0x5200, 0x9230));
    if (shared && shared->GetNumberOfItems() > 0) add_groups(all, shared->GetItem(1).GetNestedDataSet());
    if (own && own->GetNumberOfItems() > 0) {
      for (size_t i = 1; i <= own->GetNumberOfItems(); i++) {
        frames.push_back(all);
        add_groups(frames.back(), own->GetItem(i).GetNestedDataSet());
      }
    } else {
      // One position cannot be that of all frames.
      if (header.frames > 1) all.stated &= ~cdicom_position;
      frames.push_back(all);
    }
    header.descriptions = frames.size();
  }

  /// Items behind one another, of which the first one tells where frames begin.
  void find_fragments() {
    uint64_t place = start_of_samples;
    for (bool is_first = true; length() - place >= 8; is_first = false) {
      unsigned char b[8];
      read(reinterpret_cast<char *>(b), place, sizeof b);
      const uint32_t count = static_cast<uint32_t>(b[7]) << 24 | b[6] << 16 | b[5] << 8 | b[4];
      place += sizeof b;
      if (b[0] != 0xfe || b[1] != 0xff || b[2] != 0x00 || b[3] != 0xe0 || count > length() - place) return;
      if (is_first) {
        offsets.resize(count / 4);
        read(reinterpret_cast<char *>(offsets.data()), place, 4 * offsets.size());
      } else {
        fragments.push_back({place, count});
      }
      place += count;
    }
  }

  /// The fragments that a frame is made of.
  std::vector<Range> fragments_of(uint64_t frame) const {
    const uint64_t count = static_cast<uint64_t>(header.frames);
    if (count == 1) return fragments;
    if (fragments.size() == count) return {fragments[frame]};
    std::vector<Range> own;
    // Offsets are those of items, from the first one behind the table.
    if (offsets.size() == count && !fragments.empty()) {
      const uint64_t first = fragments[0].start;
      for (const Range &fragment : fragments) {
        const uint64_t offset = fragment.start - first;
        if (offset >= offsets[frame] && (frame + 1 == count || offset < offsets[frame + 1])) own.push_back(fragment);
      }
    }
    return own;
  }

  std::vector<char> decode(uint64_t frame) const {
    gdcm::SmartPointer<gdcm::SequenceOfFragments> sequence = new gdcm::SequenceOfFragments;
    for (const Range &range : fragments_of(frame)) {
      std::vector<char> stored(range.count);
      read(stored.data(), range.start, range.count);
      gdcm::Fragment fragment;
      fragment.SetByteValue(stored.data(), static_cast<uint32_t>(stored.size()));
      sequence->AddFragment(fragment);
    }
    if (sequence->GetNumberOfFragments() == 0) throw std::runtime_error("");
    gdcm::DataElement element(pixel_data);
    element.SetVR(gdcm::VR::OB);
    element.SetValue(*sequence);
    // RLE keeps bits, wherever among them a sample lies, and GDCM expects it at the lowest ones; other codecs keep numbers.
    const bool is_of_bits = header.compression == cdicom_rle;
    const int stored = is_of_bits ? header.bits_allocated : header.bits_stored;
    gdcm::Image image;
    image.SetNumberOfDimensions(2);
    image.SetDimension(0, static_cast<unsigned>(header.columns));
    image.SetDimension(1, static_cast<unsigned>(header.rows));
    image.SetPixelFormat(gdcm::PixelFormat(
        1, static_cast<uint16_t>(header.bits_allocated), static_cast<uint16_t>(stored),
        static_cast<uint16_t>(stored - 1), static_cast<uint16_t>(header.is_signed)));
    image.SetPhotometricInterpretation(gdcm::PhotometricInterpretation::MONOCHROME2);
    image.SetTransferSyntax(syntax);
    image.SetDataElement(element);
    const uint64_t expected = static_cast<uint64_t>(header.rows) * row_bytes();
    if (image.GetBufferLength() != expected) throw std::runtime_error("");
    std::vector<char> samples(expected);
    if (!image.GetBuffer(samples.data())) throw std::runtime_error("");
    restore(samples, is_of_bits ? header.high_bit + 1 - header.bits_stored : 0);
    return samples;
  }

  /// Bytes of the samples, from byte `first` of them on, in this machine's order.
  std::vector<char> bytes(uint64_t samples, uint64_t first, uint64_t count) const {
    if (first > header.bytes || count > header.bytes - first) throw std::runtime_error("");
    // Bytes in big endian words of two come in pairs.
    const uint64_t pair = is_swapped && is_in_words && sample_bytes() == 1 ? first & 1 : 0;
    const uint64_t size = is_swapped && is_in_words ? std::max<uint64_t>(2, sample_bytes()) : sample_bytes();
    std::vector<char> all((pair + count + size - 1) / size * size);
    read(all.data(), samples + first - pair, std::min<uint64_t>(all.size(), header.bytes - first + pair));
    if (is_swapped) {
      for (size_t i = 0; i + size <= all.size(); i += size) std::reverse(&all[i], &all[i] + size);
    }
    return {all.data() + pair, all.data() + pair + count};
  }

  template <typename Number, typename Signed>
  void restore_all(std::vector<char> &samples, int shift) const {
    // To the left end and back: bits that are not stored go, and the sign comes.
    const int spare = static_cast<int>(8 * sizeof(Number)) - header.bits_stored;
    for (size_t i = 0; i + sizeof(Number) <= samples.size(); i += sizeof(Number)) {
      Number number;
      std::memcpy(&number, &samples[i], sizeof number);
      number = static_cast<Number>(static_cast<Number>(number >> shift) << spare);
      number = header.is_signed ? static_cast<Number>(static_cast<Signed>(number) >> spare)
                                : static_cast<Number>(number >> spare);
      std::memcpy(&samples[i], &number, sizeof number);
    }
  }

  /// Takes other bits, such as overlays, out of integers, and extends their sign.
  void restore(std::vector<char> &samples, int shift) const {
    if (header.is_float || header.bits_stored == header.bits_allocated) return;
    switch (header.bits_allocated) {
      case 8: return restore_all<uint8_t, int8_t>(samples, shift);
      case 16: return restore_all<uint16_t, int16_t>(samples, shift);
      default: return restore_all<uint32_t, int32_t>(samples, shift);
    }
  }
};

// MARK: Answers

/// Returns the bytes of an answer.
std::vector<char> answer(const cdicom_request &request, std::unique_ptr<File> &file) {
  std::vector<char> bytes;
  const bool describes = request.question == cdicom_describe;
  if (!file || file->path != request.path || describes) {
    file.reset();
    file = std::make_unique<File>(request.path, describes ? nullptr : &request.state);
  }
  const cdicom_header &header = file->header;
  if (describes) {
    const char *first = reinterpret_cast<const char *>(&header);
    bytes.assign(first, first + sizeof header);
    first = reinterpret_cast<const char *>(file->frames.data());
    bytes.insert(bytes.end(), first, first + file->frames.size() * sizeof(cdicom_frame));
  } else if (
      header.rows != request.rows || header.columns != request.columns
      || header.bits_allocated != request.bits_allocated || header.frames <= request.frame) {
    throw Changed();
  } else {
    file->expect(request.state);
    std::exception_ptr failure;
    try {
      bytes = file->rows(request);
    } catch (const std::exception &) {
      failure = std::current_exception();
    }
    // Once more, for it may have been written to meanwhile; where it could not be read, that is why.
    file->expect(request.state);
    if (failure) std::rethrow_exception(failure);
  }
  return bytes;
}

void run(int socket, const void *) {
  gdcm::Trace::DebugOff();
  gdcm::Trace::WarningOff();
  gdcm::Trace::ErrorOff();
  isolated_reply reply = {};
  if (isolated_send(socket, &reply, sizeof reply) != 0) return;
  static cdicom_request request;
  std::unique_ptr<File> file;
  while (isolated_take(socket, &request, sizeof request) == 0) {
    request.path[sizeof request.path - 1] = 0;
    isolated_allow(request.work);
    reply = {};
    std::vector<char> bytes;
    try {
      bytes = answer(request, file);
    } catch (const Unopened &error) {
      reply.status = isolated_unopened;
      std::strncpy(reply.reason, error.what(), sizeof reply.reason - 1);
    } catch (const Changed &) {
      reply.status = isolated_changed;
    } catch (const std::exception &) {
      // What the library says may quote the file, and so a patient.
      reply.status = isolated_failed;
    }
    reply.bytes = reply.status == isolated_done ? bytes.size() : 0;
    if (isolated_send(socket, &reply, sizeof reply) != 0 || isolated_send(socket, bytes.data(), reply.bytes) != 0) return;
  }
}

template <size_t count>
const char *name(int32_t index, const char *const (&terms)[count]) {
  return index >= 0 && static_cast<size_t>(index) < count ? terms[index] : nullptr;
}

}  // namespace

const char *cdicom_modality(int32_t index) { return name(index, modalities); }
const char *cdicom_photometric(int32_t index) { return name(index, photometrics); }

void cdicom_start(uint64_t memory, isolated_reader *reader, isolated_reply *reply) {
  isolated_fork(run, nullptr, memory, reader, reply);
}

#endif
