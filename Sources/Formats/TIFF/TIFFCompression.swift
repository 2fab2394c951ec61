import CTIFF

/// A compression by the number that the tag Compression gives it.
struct TIFFCompression {
  let tag: UInt64

  /// As it is usually called.
  var name: String {
    switch tag {
    case 1: "none"
    case 2, 3, 4: "fax"
    case 5: "LZW"
    case 6, 7: "JPEG"
    case 8, 32946: "Deflate"
    case 32773: "PackBits"
    case 33003, 33004, 33005, 34712: "JPEG 2000"
    case 34887: "LERC"
    case 34925: "LZMA"
    case 50000: "Zstandard"
    case 50001: "WebP"
    default: "compression \(tag)"
    }
  }

  /// An upper bound for the bytes that one compressed byte can become; nil for what is not read.
  ///
  /// LZW: 1280, codes of 9 to 12 bits for at most 4096 bytes. Deflate: 1032. PackBits: 64. Zstandard: blocks of
  /// 128 KiB in four bytes. A LERC blob of equal values has one length for every size. Others are lossy, for two
  /// colours, or may ask for any amount of memory to decode them.
  private var largestExpansion: UInt64? {
    switch tag {
    case 1: 1
    case 5, 7, 8, 32946: 1400
    case 32773: 64
    case 34887: 1 << 30
    case 50000: 1 << 15
    default: nil
    }
  }

  /// The most bytes that `length` compressed ones can hold; nil for what is not read.
  func capacity(of length: UInt64) -> UInt64? {
    largestExpansion.map { length.multipliedReportingOverflow(by: $0) }.map {
      $0.overflow ? .max : $0.partialValue
    }
  }

  /// Whether the installed libtiff has it.
  var isInstalled: Bool { UInt16(exactly: tag).map { TIFFIsCODECConfigured($0) == 1 } ?? false }
}
