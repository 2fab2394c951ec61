#if ISMRMRD
  import CISMRMRD
  import ComplexModule
  import Fields

  /// An MRI scan in ISMRMRD format: its header and its acquisitions as they were measured.
  public final class ISMRMRDFile: Sendable {
    public struct Matrix: Sendable, Equatable { public var x, y, z: Int }
    /// In mm.
    public struct Size: Sendable, Equatable { public var x, y, z: Double }

    /// Of the first encoding. Nothing of the patient is kept.
    public struct Header: Sendable, Equatable {
      public var encodedMatrix: Matrix
      public var encodedSize: Size
      public var reconMatrix: Matrix
      public var reconSize: Size
      /// The encoding steps of zero frequency; half of the matrix where no limits are stated.
      public var centre: (step1: Int, step2: Int)
      /// Relative noise bandwidth of the receiver; 1 where it is not stated.
      public var noiseBandwidth: Double

      public static func == (a: Header, b: Header) -> Bool {
        (a.encodedMatrix, a.encodedSize, a.reconMatrix) == (b.encodedMatrix, b.encodedSize, b.reconMatrix)
          && (a.reconSize, a.noiseBandwidth) == (b.reconSize, b.noiseBandwidth) && a.centre == b.centre
      }
    }

    public let header: Header
    let path: String
    let heads: [cismrmrd_head]
    private let reader: IsolatedReader<cismrmrd_request>

    private static let mostAcquisitions: UInt64 = 10_000_000
    /// Of a file, at least: one sample of one coil in the file's global heap (8 behind a header of 16).
    private static let bytesOfAcquisition: UInt64 = 24

    /// Reads the header and the heads of all acquisitions.
    ///
    /// - Parameters:
    ///   - group: of the HDF5 file.
    ///   - memory: In bytes, the most that an acquisition may take.
    /// - Throws: ``StackError``, also for a trajectory that is not Cartesian.
    public init(path: String, group: String = "dataset", memory: Int = 4 << 30) throws {
      self.path = path
      let length = try regularFileLength(path, format: "ISMRMRD")
      let found = Found()
      reader = try IsolatedReader(path: path, format: "ISMRMRD", library: "HDF5") { reader, reply in
        var header = cismrmrd_header()
        cismrmrd_start(path, group, isolatedMemory(pages: memory), &reader, &reply, &header)
        found.header.withLock { $0 = header }
      }
      let stated = found.header.withLock { $0 }
      func unsupported(_ found: String, _ expected: String) -> StackError {
        .unsupported(path: path, format: "ISMRMRD", found: found, expected: expected)
      }
      let names = ["Cartesian", "EPI", "radial", "golden-angle", "spiral"]
      guard stated.trajectory == 0 else {
        let name = names.indices.contains(Int(stated.trajectory)) ? names[Int(stated.trajectory)] : "unknown"
        throw unsupported("a trajectory that is \(name)", "a Cartesian one, the only one read here")
      }
      func matrix(_ sides: (Int32, Int32, Int32)) -> Matrix {
        Matrix(x: Int(sides.0), y: Int(sides.1), z: Int(sides.2))
      }
      func size(_ sides: (Float, Float, Float)) -> Size {
        Size(x: Double(sides.0), y: Double(sides.1), z: Double(sides.2))
      }
      let encoded = matrix(stated.encoded)
      guard encoded.x > 0, encoded.y > 0, encoded.z > 0 else {
        throw unsupported(
          "an encoded matrix of \(encoded.x) × \(encoded.y) × \(encoded.z)", "at least 1 × 1 × 1")
      }
      func centre(_ limit: cismrmrd_limit, _ side: Int) -> Int {
        limit.is_stated != 0 ? Int(limit.center) : side / 2
      }
      let bandwidth = Double(stated.noise_bandwidth)
      header = Header(
        encodedMatrix: encoded, encodedSize: size(stated.encoded_size), reconMatrix: matrix(stated.recon),
        reconSize: size(stated.recon_size),
        centre: (centre(stated.step_1, encoded.y), centre(stated.step_2, encoded.z)),
        noiseBandwidth: bandwidth > 0 && bandwidth.isFinite ? bandwidth : 1)

      guard stated.acquisitions <= min(Self.mostAcquisitions, length / Self.bytesOfAcquisition) else {
        throw StackError.damaged(
          path: path, format: "ISMRMRD",
          reason: "it claims \(stated.acquisitions) acquisitions in \(length) bytes")
      }
      var heads: [cismrmrd_head] = []
      let count = Int(stated.acquisitions)
      for start in stride(from: 0, to: count, by: 64) {
        try Task.checkCancellation()
        var request = cismrmrd_request()
        request.question = Int32(cismrmrd_heads.rawValue)
        request.start = UInt64(start)
        request.count = UInt64(min(64, count - start))
        let stride = MemoryLayout<cismrmrd_head>.stride
        let bytes = try reader.ask(request, .bytes(most: 64 * stride), what: "").bytes
        guard bytes.count == Int(request.count) * stride else {
          throw StackError.damaged(
            path: path, format: "ISMRMRD", reason: "acquisition \(start + 1) cannot be read")
        }
        bytes.withUnsafeBytes { bytes in
          for i in 0..<bytes.count / stride {
            heads.append(bytes.loadUnaligned(fromByteOffset: i * stride, as: cismrmrd_head.self))
          }
        }
      }
      self.heads = heads
    }

    /// Samples of an acquisition, `[coils, samples]`.
    func samples(_ index: Int) throws -> [Complex<Float>] {
      let head = heads[index]
      let count = Int(head.coils) * Int(head.samples)
      var request = cismrmrd_request()
      request.question = Int32(cismrmrd_samples.rawValue)
      request.start = UInt64(index)
      request.count = UInt64(head.coils)
      request.samples = UInt64(head.samples)
      request.work = UInt64(8 * count)
      return try [Complex<Float>](unsafeUninitializedCapacity: count) { target, initialized in
        guard count > 0 else { return }
        _ = try reader.ask(
          request,
          .memory(
            UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(target)[..<(8 * count)])),
          what: "acquisition \(index + 1): ")
        initialized = count
      }
    }

    /// The noise scans one after another, `[coils, samples]`; nil where there are none.
    public var noise: KSpace? {
      get throws {
        let scans = heads.indices.filter { heads[$0].isNoise }
        guard let first = scans.first else { return nil }
        let coils = Int(heads[first].coils)
        guard coils > 0, scans.allSatisfy({ Int(heads[$0].coils) == coils && heads[$0].samples > 0 }) else {
          throw StackError.unsupported(
            path: path, format: "ISMRMRD", found: "noise scans of different coils",
            expected: "the same coils in all")
        }
        var lines = [[Complex<Float>]](repeating: [], count: coils)
        for scan in scans {
          let (samples, count) = (try samples(scan), Int(heads[scan].samples))
          for coil in 0..<coils { lines[coil] += samples[coil * count..<(coil + 1) * count] }
        }
        return KSpace(shape: [coils, lines[0].count], samples: lines.flatMap { $0 })
      }
    }
  }

  import Synchronization

  /// What the process says when it starts.
  private final class Found: Sendable {
    let header = Mutex(cismrmrd_header())
  }

  extension cismrmrd_head {
    /// Flags count from 1.
    private func has(_ flag: UInt64) -> Bool { flags & 1 << (flag - 1) != 0 }

    var isNoise: Bool { has(19) }

    /// Part of the image: no noise, calibration alone, navigator, phase correction, feedback or dummy.
    var isImage: Bool {
      let others: [UInt64] = [19, 23, 24, 26, 27, 28, 29, 30, 31]
      return !others.contains(where: has) && (!has(20) || has(21))
    }

    /// Whether its samples run from the end of a line to its beginning.
    var isReverse: Bool { has(22) }
  }
#endif
