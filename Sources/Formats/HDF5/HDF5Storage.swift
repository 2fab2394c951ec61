#if HDF5
  import CHDF5

  /// How a dataset lies in its file, checked to be all there.
  struct HDF5Storage: Sendable {
    var extents: [Int]
    /// Nil where the samples lie in one piece.
    var chunk: [Int]?
    /// Of a decoded chunk.
    var chunkBytes: Int
    var compression: String

    /// - Parameter memory: In bytes, the most that a decoded chunk may take.
    /// - Throws: ``StackError`` when samples lie in another file, were not written, or are compressed by what is not
    ///   installed.
    init(_ description: chdf5_description, _ name: String, in file: HDF5File, memory: Int) throws {
      let layout = chdf5_layout(UInt32(bitPattern: description.layout))
      guard layout != chdf5_virtual else {
        throw file.unsupported(
          "the virtual dataset '\(name)'", expected: "samples in the file itself; copy it with h5repack")
      }
      guard description.external == 0 else {
        throw file.unsupported(
          "the dataset '\(name)' with samples in other files",
          expected: "samples in the file itself; copy it with h5repack")
      }
      guard layout == chdf5_compact || layout == chdf5_contiguous || layout == chdf5_chunked else {
        throw file.damaged("dataset '\(name)' has no known layout")
      }
      let rank = Int(description.rank)
      func extents<Numbers>(_ numbers: Numbers) -> [UInt64] {
        withUnsafeBytes(of: numbers) { Array($0.bindMemory(to: UInt64.self).prefix(rank)) }
      }
      let claimed = extents(description.extents)
      let size = Int(clamping: description.size)
      self.extents = []
      var bytes = size
      for extent in claimed {
        let (product, overflow) = bytes.multipliedReportingOverflow(by: Int(clamping: extent))
        guard !overflow, let extent = Int(exactly: extent) else {
          throw file.damaged("dataset '\(name)' claims \(Self.sizes(claimed)) samples")
        }
        bytes = product
        self.extents.append(extent)
      }
      compression = try Self.compression(description, name, file)
      chunk = nil
      chunkBytes = 0
      guard bytes > 0 else { return }
      if layout == chdf5_chunked {
        try setChunks(
          extents(description.chunk), written: description.chunks_written, size, name, file, memory)
      } else if layout == chdf5_contiguous {
        guard description.is_written != 0 else {
          throw file.damaged("dataset '\(name)' was declared, but nothing was written to it")
        }
        guard UInt64(bytes) <= file.length else {
          throw file.damaged(
            "dataset '\(name)' claims \(bytes) bytes, more than the \(file.length) of the file")
        }
      }
    }

    private mutating func setChunks(
      _ sides: [UInt64], written: UInt64, _ sampleBytes: Int, _ name: String, _ file: HDF5File, _ memory: Int
    ) throws {
      guard sides.allSatisfy({ $0 > 0 }) else {
        throw file.damaged("dataset '\(name)' has chunks without samples")
      }
      let chunk = sides.map { Int(clamping: $0) }
      var bytes = sampleBytes
      var chunks = 1
      for (extent, side) in zip(extents, chunk) {
        let (product, overflow) = bytes.multipliedReportingOverflow(by: side)
        guard !overflow, product <= memory else {
          throw file.unsupported(
            "'\(name)' in chunks of \(Self.sizes(sides)) samples",
            expected: "chunks of at most \(memory) bytes; rewrite it in smaller ones with h5repack")
        }
        bytes = product
        // No more than the samples, whose bytes were counted.
        chunks *= (extent - 1) / side + 1
      }
      self.chunk = chunk
      chunkBytes = bytes
      guard written >= chunks else {
        throw file.damaged(
          "of the \(chunks) chunks of dataset '\(name)' only \(written) were written; what wrote it was stopped"
        )
      }
    }

    private static func sizes(_ numbers: [UInt64]) -> String {
      numbers.map(String.init).joined(separator: " × ")
    }

    /// The usual name; `none` where the samples lie as they are.
    private static func compression(_ description: chdf5_description, _ name: String, _ file: HDF5File) throws
      -> String
    {
      let known = [1: "Deflate", 2: "shuffle", 3: "Fletcher-32", 4: "SZIP", 5: "N-bit", 6: "scale-offset"]
      let count = Int(description.filters)
      let (ids, installed, texts) = (
        description.filter_ids, description.filter_installed, description.filter_names
      )
      func number<Numbers>(_ numbers: Numbers, _ index: Int) -> Int {
        withUnsafeBytes(of: numbers) { Int($0.load(fromByteOffset: 4 * index, as: Int32.self)) }
      }
      var names: [String] = []
      for index in 0..<count {
        let id = number(ids, index)
        let own = withUnsafeBytes(of: texts) { texts in
          String(decoding: texts[32 * index..<32 * (index + 1)].prefix { $0 != 0 }, as: UTF8.self)
        }
        let title = known[id] ?? (own.isEmpty ? "filter \(id)" : "\(own) (filter \(id))")
        guard number(installed, index) != 0 else {
          throw file.unsupported(
            "'\(name)' compressed by \(title), which the installed HDF5 library does not have",
            expected: "Deflate or none; rewrite it with 'h5repack -f GZIP=1', or install that filter")
        }
        if id != 2 && id != 3 { names.append(title) }
      }
      return names.isEmpty ? "none" : names.joined(separator: ", ")
    }
  }
#endif
