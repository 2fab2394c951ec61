import Fields

/// The k-space of a Cartesian MRI scan in ISMRMRD format (`.h5` with a group `dataset` of `xml` and `data`, `.mrd`).
///
/// - Pages: complex, `[ky, kx]`, one per repetition, phase, set, contrast, slice, kz (of a 3-D scan) and coil; the coil is
///   fastest. Zero frequency lies at (⌊rows/2⌋, ⌊columns/2⌋): the centre of the encoding limits, and `center_sample` of an
///   asymmetric echo. What was not measured is zero; averages are averaged.
/// - Readout: oversampling is removed. Of x = F⁻¹ k the middle n = N · (reconstructed FOV) / (encoded FOV) samples are kept,
///   and k′ = F x′, both transforms centred and unitary.
/// - Noise: with noise scans the coils are whitened, y′ = L⁻¹ y with L Lᴴ = Ψ = Σ n nᴴ / 2M · t_noise / (t · b): the standard
///   deviation of a real component of a sample is then 1 (of an average of m, 1/√m). t is the time of a sample, b the
///   relative noise bandwidth of the receiver, 1 where the header states none. ``ISMRMRDFile/noise`` has the samples.
/// - Left out: navigators, phase correction, dummies, feedback, and calibration that is not part of the image.
/// - Spacing: that of the image, encoded FOV / matrix, in mm; between pages of a 3-D scan that of its partitions.
///
/// Source: Inati et al., "ISMRM Raw data format", MRM 77 (2017), DOI 10.1002/mrm.26089. Whitening: Roemer et al., MRM 16
/// (1990), DOI 10.1002/mrm.1910160203; its scale with the bandwidth: Hansen, Kellman, JMRI 41 (2015), DOI
/// 10.1002/jmri.24687.
///
/// The pages of all coils are made together and kept until others are asked for.
struct ISMRMRDPages: PageSource {
  let info: StackInfo
  let files: [String]
  private let path: String

  func place(ofPage index: Int) -> (path: String, page: Int) { (path, index) }

  #if ISMRMRD
    private let scan: ISMRMRDScan

    /// - Throws: ``StackError``.
    init(path: String, file: String, group: String, memory: Int) throws {
      self.path = path
      let opened = try ISMRMRDFile(path: file, group: group, memory: memory)
      scan = try ISMRMRDScan(opened, memory: memory)
      files = [file]
      let header = opened.header
      let isVolume = header.encodedMatrix.z > 1
      info = StackInfo(
        .ismrmrd, pages: scan.pages, rows: scan.rows, columns: scan.columns, sampleType: .complex64,
        spacing: Spacing(
          x: Self.spacing(header.encodedSize.x, header.encodedMatrix.x),
          y: Self.spacing(header.encodedSize.y, header.encodedMatrix.y),
          z: isVolume ? Self.spacing(header.encodedSize.z, header.encodedMatrix.z) : nil),
        // What is slower than partitions counts together as slices.
        axes: PageAxes(
          [header.encodedMatrix.z, scan.coils] + [Int](repeating: 1, count: 9)
            + [scan.pages / scan.coils / header.encodedMatrix.z],
          order: [3, 2, 13]),
        metadata: [
          "coils": "\(scan.coils)", "partitions": "\(header.encodedMatrix.z)",
          "acquisitions": "\(scan.acquisitions)",
          "noise scans": "\(scan.noiseScans)",
        ])
    }

    private static func spacing(_ size: Double, _ count: Int) -> Double? {
      size.isFinite && size > 0 ? size / Double(count) : nil
    }

    func read(_ rows: Range<Int>, ofPage index: Int, into target: UnsafeMutablePointer<Float>) throws {
      try scan.read(rows, ofPage: index, into: target)
    }
  #else
    init(path: String, file: String, group: String, memory: Int) throws {
      throw StackError.notBuiltIn(path: path, format: "ISMRMRD", trait: "ISMRMRD", package: "libismrmrd-dev")
    }

    func read(_ rows: Range<Int>, ofPage index: Int, into target: UnsafeMutablePointer<Float>) throws {
      preconditionFailure("a file that was not opened")
    }
  #endif
}
