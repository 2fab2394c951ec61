#if ISMRMRD
  import CISMRMRD
  import ComplexModule
  import Fields
  import RealModule
  import Synchronization

  /// The acquisitions of a Cartesian scan, sorted into pages.
  final class ISMRMRDScan: Sendable {
    let rows: Int
    let columns: Int
    let coils: Int
    let pages: Int
    let acquisitions: Int
    let noiseScans: Int
    private let file: ISMRMRDFile
    /// Of every page but the coil: its acquisitions in the order of the file.
    private let groups: [[Int]]
    /// Columns before oversampling is removed.
    private let readout: Int
    /// `[columns, readout]`, nil where all columns are kept.
    private let cut: [Complex<Float>]?
    /// L⁻¹, `[coils, coils]`; nil without noise scans.
    private let whitening: [Complex<Float>]?
    /// The coils of one group, `[coils, rows, columns]`.
    private let last: Mutex<(group: Int, samples: [Complex<Float>])?>

    /// - Parameter memory: In bytes, the most that the pages of all coils may take.
    init(_ file: ISMRMRDFile, memory: Int) throws {
      let heads = file.heads
      let matrix = file.header.encodedMatrix
      func damaged(_ reason: String) -> StackError {
        .damaged(path: file.path, format: "ISMRMRD", reason: reason)
      }
      func unsupported(_ found: String, _ expected: String) -> StackError {
        .unsupported(path: file.path, format: "ISMRMRD", found: found, expected: expected)
      }
      let images = heads.indices.filter { heads[$0].isImage && heads[$0].space == 0 }
      guard let first = images.first else { throw unsupported("no acquisition of an image", "at least one") }
      coils = Int(heads[first].coils)
      guard coils > 0 else { throw damaged("acquisition \(first + 1) has no coil") }
      let (rows, readout) = (matrix.y, matrix.x)
      guard coils * rows <= memory / (8 * readout) else {
        throw unsupported(
          "\(coils) coils of \(rows) × \(readout) samples", "at most \(memory) bytes together")
      }

      struct Key: Hashable, Comparable {
        let counters: [UInt16]
        static func < (a: Key, b: Key) -> Bool { a.counters.lexicographicallyPrecedes(b.counters) }
      }
      var slices: [Key: [Int: [Int]]] = [:]
      for index in images {
        let head = heads[index]
        guard Int(head.coils) == coils else {
          throw unsupported(
            "\(head.coils) coils in acquisition \(index + 1), \(coils) before", "the same in all")
        }
        let partition = Int(head.step_2) - file.header.centre.step2 + matrix.z / 2
        guard 0..<rows ~= Self.row(head, file.header), 0..<matrix.z ~= partition else {
          throw damaged(
            "acquisition \(index + 1) has encoding steps (\(head.step_1), \(head.step_2)) beyond the encoded matrix of "
              + "\(rows) × \(matrix.z) around (\(file.header.centre.step1), \(file.header.centre.step2))")
        }
        let columns = Self.columns(head, readout: readout)
        guard columns.lowerBound >= 0, columns.upperBound <= readout, head.discard_pre <= head.samples else {
          throw damaged(
            "acquisition \(index + 1) has \(head.samples) samples around \(head.center_sample), beyond the encoded matrix "
              + "of \(readout)")
        }
        let key = Key(counters: [head.repetition, head.phase, head.set, head.contrast, head.slice])
        slices[key, default: [:]][partition, default: []].append(index)
      }
      guard slices.count * matrix.z <= 10_000_000 / coils else {
        throw unsupported("\(slices.count) × \(matrix.z) × \(coils) pages", "at most 10 million")
      }
      var groups: [[Int]] = []
      for (_, partitions) in slices.sorted(by: { $0.key < $1.key }) {
        for partition in 0..<matrix.z { groups.append(partitions[partition] ?? []) }
      }
      self.file = file
      self.groups = groups
      self.rows = rows
      self.readout = readout
      pages = groups.count * coils
      acquisitions = images.count
      noiseScans = heads.count { $0.isNoise }
      let (encoded, kept) = (file.header.encodedSize.x, file.header.reconSize.x)
      let share = kept / encoded
      // Without sizes, or where the image is to be larger than what was encoded, all is kept.
      columns =
        share.isFinite && share > 0 && share < 1 ? max(1, Int((Double(readout) * share).rounded())) : readout
      cut = columns < readout ? Self.cut(readout, to: columns) : nil
      whitening = try Self.whitening(file, heads[first], coils: coils)
      last = Mutex(nil)
    }

    private static func row(_ head: cismrmrd_head, _ header: ISMRMRDFile.Header) -> Int {
      Int(head.step_1) - header.centre.step1 + header.encodedMatrix.y / 2
    }

    /// Where the samples of an acquisition lie that are not to be discarded.
    private static func columns(_ head: cismrmrd_head, readout: Int) -> Range<Int> {
      let kept =
        Int(head.discard_pre)..<max(Int(head.discard_pre), Int(head.samples) - Int(head.discard_post))
      let (centre, middle) = (Int(head.center_sample), readout / 2)
      return head.isReverse
        ? middle + centre - kept.upperBound + 1..<middle + centre - kept.lowerBound + 1
        : middle - centre + kept.lowerBound..<middle - centre + kept.upperBound
    }

    /// k′ = C k: to the image, its middle, and back, in one matrix.
    ///
    ///     C[k′, k] = 1/√(nN) · Σⱼ exp(2πi (k − ⌊N/2⌋) j / N − 2πi (k′ − ⌊n/2⌋) j / n),   j = −⌊n/2⌋ … n − 1 − ⌊n/2⌋
    private static func cut(_ N: Int, to n: Int) -> [Complex<Float>] {
      let scale = 1 / (Double(n) * Double(N)).squareRoot()
      var matrix = [Complex<Float>](repeating: .zero, count: n * N)
      for row in 0..<n {
        for column in 0..<N {
          // The sum depends on the frequency alone: a geometric series around its middle.
          let f = Double(column - N / 2) / Double(N) - Double(row - n / 2) / Double(n)
          let middle = Double(n - 1) / 2 - Double(n / 2)
          let half = Double.pi * f
          // sin(nπf) / sin(πf), n at whole numbers of f up to its sign.
          let ratio =
            abs(Double.sin(half)) < 1e-12
            ? Double(n) * Double.cos(Double(n) * half) / Double.cos(half)
            : Double.sin(Double(n) * half) / Double.sin(half)
          let value = Complex(length: 1, phase: 2 * .pi * f * middle) * Complex(ratio * scale)
          matrix[row * N + column] = Complex(Float(value.real), Float(value.imaginary))
        }
      }
      return matrix
    }

    /// L⁻¹ of the noise covariance per real component, for samples of the time that `head` states.
    ///
    /// By a Cholesky factorisation of its own: the coil noise of `Operators` lies to the right of the formats.
    private static func whitening(
      _ file: ISMRMRDFile, _ head: cismrmrd_head, coils: Int
    ) throws -> [Complex<Float>]? {
      guard let noise = try file.noise, let scan = file.heads.first(where: { $0.isNoise }) else { return nil }
      let count = noise.shape[1]
      func refuse(_ found: String) -> StackError {
        .unsupported(
          path: file.path, format: "ISMRMRD", found: found,
          expected: "noise of the \(coils) coils of the image, independent and with more samples than coils")
      }
      guard noise.shape[0] == coils, count > coils else {
        throw refuse("noise scans of \(noise.shape[0]) coils with \(count) samples")
      }
      let times = (noise: Double(scan.sample_time), image: Double(head.sample_time))
      let ratio = times.noise / times.image
      let scale = (ratio.isFinite && ratio > 0 ? ratio : 1) / file.header.noiseBandwidth / (2 * Double(count))
      var factor = [Complex<Double>](repeating: .zero, count: coils * coils)
      for a in 0..<coils {
        for b in 0...a {
          var sum = Complex<Double>.zero
          for i in 0..<count {
            let (x, y) = (noise.samples[a * count + i], noise.samples[b * count + i])
            sum +=
              Complex(Double(x.real), Double(x.imaginary)) * Complex(Double(y.real), Double(-y.imaginary))
          }
          factor[a * coils + b] = sum * Complex(scale)
        }
      }
      let largest = (0..<coils).map { factor[$0 * coils + $0].real }.max() ?? 0
      for a in 0..<coils {
        for b in 0...a {
          var sum = factor[a * coils + b]
          for k in 0..<b { sum -= factor[a * coils + k] * factor[b * coils + k].conjugate }
          if a == b {
            guard sum.real > 1e-12 * largest, sum.real.isFinite else {
              throw refuse("a coil \(a + 1) without noise of its own")
            }
            factor[a * coils + a] = Complex(sum.real.squareRoot())
          } else {
            factor[a * coils + b] = sum / factor[b * coils + b]
          }
        }
      }
      var inverse = [Complex<Double>](repeating: .zero, count: coils * coils)
      for column in 0..<coils {
        for row in column..<coils {
          var sum: Complex<Double> = row == column ? .one : .zero
          for k in column..<row { sum -= factor[row * coils + k] * inverse[k * coils + column] }
          inverse[row * coils + column] = sum / factor[row * coils + row]
        }
      }
      return inverse.map { Complex(Float($0.real), Float($0.imaginary)) }
    }

    /// Rows of a page, within bounds.
    func read(_ range: Range<Int>, ofPage index: Int, into target: UnsafeMutablePointer<Float>) throws {
      let (group, coil) = (index / coils, index % coils)
      try last.withLock { last in
        if last?.group != group {
          last = nil
          last = (group, try kSpace(group))
        }
        let start = (coil * rows + range.lowerBound) * columns
        for (i, z) in (last?.samples[start..<start + range.count * columns] ?? []).enumerated() {
          target[2 * i] = z.real
          target[2 * i + 1] = z.imaginary
        }
      }
    }

    /// All coils of a group, `[coils, rows, columns]`.
    private func kSpace(_ group: Int) throws -> [Complex<Float>] {
      var sum = [Complex<Float>](repeating: .zero, count: coils * rows * readout)
      // Samples of every row and column: averages may differ in what they discard.
      var counts = [Int32](repeating: 0, count: rows * readout)
      for index in groups[group] {
        let head = file.heads[index]
        let samples = whitened(try file.samples(index), count: Int(head.samples))
        let (row, columns) = (Self.row(head, file.header), Self.columns(head, readout: readout))
        for column in columns {
          let sample =
            Int(head.center_sample) + (head.isReverse ? readout / 2 - column : column - readout / 2)
          counts[row * readout + column] += 1
          for coil in 0..<coils {
            sum[(coil * rows + row) * readout + column] += samples[coil * Int(head.samples) + sample]
          }
        }
      }
      for place in counts.indices where counts[place] > 1 {
        for coil in 0..<coils {
          sum[coil * rows * readout + place] = sum[coil * rows * readout + place].divided(
            by: Float(counts[place]))
        }
      }
      guard let cut else { return sum }
      var result = [Complex<Float>](repeating: .zero, count: coils * rows * columns)
      for line in 0..<coils * rows {
        // A line that was not measured stays zero.
        if (0..<readout).allSatisfy({ counts[line % rows * readout + $0] == 0 }) { continue }
        for column in 0..<columns {
          var value = Complex<Float>.zero
          for k in 0..<readout { value += cut[column * readout + k] * sum[line * readout + k] }
          result[line * columns + column] = value
        }
      }
      return result
    }

    /// `[coils, count]`
    private func whitened(_ samples: [Complex<Float>], count: Int) -> [Complex<Float>] {
      guard let whitening else { return samples }
      var result = [Complex<Float>](repeating: .zero, count: samples.count)
      for a in 0..<coils {
        for b in 0...a {
          let weight = whitening[a * coils + b]
          for i in 0..<count { result[a * count + i] += weight * samples[b * count + i] }
        }
      }
      return result
    }
  }
#endif
