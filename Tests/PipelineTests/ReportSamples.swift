import Fields
import Foundation
import Pipeline
import TestSupport

/// A made-up run: a chest of discs, reconstructed well and badly.
struct ReportSamples {
  var size = 64
  var sliceCount = 5
  var views = 30
  var bins = 91

  static let water = 0.02
  /// Attenuation of the heart, a disc without texture in every slice.
  static let heart: Float = 0.021
  /// A pixel well inside it.
  var heartPixel: (row: Int, column: Int) { (size * 9 / 16, size * 19 / 32) }

  func data(title: String = "Thorax phantom, 60 views") -> ReportData {
    ReportData(
      title: title, methods: ["fbp", "tv", "deft:10"],
      geometry: [
        ReportFact("Beam", "parallel"), ReportFact("Views", "\(views) over 180°, from 0°"),
        ReportFact("Detector", "\(bins) bins of 1.4 mm, axis at \(Double(bins - 1) / 2)"),
        ReportFact("Image", "\(size) × \(size) pixels of 1.4 mm"),
        ReportFact("Noise", "σ = 1 % of the mean line integral"),
      ],
      pixelSpacing: 360 / Double(size), waterAttenuation: Self.water,
      presets: ReportWindowPreset.computedTomography(waterAttenuation: Self.water),
      stages: [
        ReportStage(name: "read", seconds: 0.09, slices: sliceCount),
        ReportStage(name: "fbp", seconds: 0.31, slices: sliceCount),
        ReportStage(name: "deft:10", seconds: 58.2, slices: sliceCount),
        ReportStage(name: "tv", seconds: 21.4, slices: sliceCount),
        ReportStage(name: "verdict", seconds: 9.7, slices: sliceCount),
        ReportStage(name: "write", seconds: 0.4, slices: sliceCount),
      ],
      configuration: """
        # Sixty views of a chest
        input: scan.tif
        geometry:
          kind: parallel
          views: 60        # over 180 degrees
          detector: { bins: 363, spacing: 1.4 }
        method:
          kind: deft
          steps: 10
          estimate: mean
          samples: 8
        verdict: { warn: 0.99, fail: 0.9999 }
        seed: 1
        """,
      provenance: ReportProvenance(
        version: "0.1.0", seed: 1,
        inputs: [
          .init(
            name: "scan.tif", bytes: 700_416,
            sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")
        ],
        networks: [
          .init(role: "Prior", name: "ct", fingerprint: "b5bb9d8014a0f9b1d61e21e796d78dcc"),
          .init(role: "h-network", name: "ct-60-views", fingerprint: "7d865e959b2466918c9863afca942d0f"),
        ],
        software: [ReportFact("libtorch", "1.13.1"), ReportFact("FFTW", "3.3.10")]))
  }

  /// The last slice but one fails, the one before it warns.
  func status(_ index: Int) -> ReportVerdict.Status {
    index == sliceCount - 2 ? .fail : index == sliceCount - 3 ? .warn : .pass
  }

  func verdict(_ index: Int) -> ReportVerdict {
    var random = SplitMix64(seed: 7, stream: index)
    let status = status(index)
    let chiSquared =
      switch status {
      case .pass: 1 + 0.012 * random.normal()
      case .warn: 1.09
      case .fail: 3.42
      }
    let reasons =
      switch status {
      case .pass: ["The residual is what the noise model expects."]
      case .warn: ["Reduced χ² is 1.09, above its 99 % interval: the noise may be larger than stated."]
      case .fail:
        [
          "Reduced χ² is 3.42 and that of TV on the same data is 3.31: geometry or noise model do not fit.",
          "View 12 alone contributes 21 % of the misfit.",
        ]
      }
    return ReportVerdict(
      status: status, method: "deft:10", chiSquared: chiSquared, interval: .init(0.953, 1.047),
      confidence: 0.99,
      whiteness: status == .fail ? 0.31 : 0.004, whitenessInterval: .init(-0.017, 0.017),
      reference: .init(method: "tv", chiSquared: status == .fail ? 3.31 : 1 + 0.02 * random.normal()),
      nullSpaceFraction: 0.061 + 0.004 * random.uniform(),
      worstViews: status == .pass
        ? []
        : [.init(index: 11, degrees: 180 * 11 / Double(views), chiSquared: status == .fail ? 19.8 : 1.9)],
      worstRays: status == .pass
        ? []
        : [.init(view: 11, bin: bins / 2, residual: 9.7), .init(view: 4, bin: bins / 3, residual: -4.4)],
      reasons: reasons)
  }

  func slice(_ index: Int) -> ReportSlice {
    let truth = chest(index)
    var random = SplitMix64(seed: 3, stream: index)
    let noise = random.normals(2 * size * size)
    var (fbp, deft, deviation, null) = (truth, truth, truth, truth)
    let centre = Double(size - 1) / 2
    for row in 0..<size {
      for column in 0..<size {
        let i = row * size + column
        let (x, y) = ((Double(column) - centre) / centre, (centre - Double(row)) / centre)
        let inside = x * x / 0.85 + y * y / 0.45 < 1
        let angle = Foundation.atan2(y, x - 0.2)
        let streaks = 0.0011 * Foundation.sin(Double(views) * angle) * Foundation.sqrt(x * x + y * y)
        fbp.samples[i] += 0.0009 * noise[i] + Float(streaks)
        let heart = truth.samples[i] == Self.heart
        deft.samples[i] += heart ? 0 : 0.00008 * noise[size * size + i]
        let edge =
          row > 0 && column > 0
          ? abs(truth[row, column] - truth[row - 1, column])
            + abs(truth[row, column] - truth[row, column - 1]) : 0
        deviation.samples[i] = inside ? 0.00015 + 0.06 * edge + 0.00003 * abs(noise[i]) : 0.00002
        null.samples[i] = inside ? 0.0002 + 0.16 * edge + Float(0.5 * abs(streaks)) : 0.00003
      }
    }
    return ReportSlice(
      index: index,
      panels: [
        ReportPanel(
          name: "FBP", meaning: "Filtered back-projection of the same data.", image: fbp, unit: "1/mm",
          window: .init(level: 0.018, width: 0.02)),
        ReportPanel(
          name: "DEFT", meaning: "Mean of 8 posterior samples.", image: deft, unit: "1/mm",
          window: .init(level: 0.018, width: 0.02)),
        ReportPanel(
          name: "Standard deviation", meaning: "How far the samples differ.", image: deviation, unit: "1/mm",
          palette: .sequential, window: .init(0...0.0012)),
        ReportPanel(
          name: "Null space", meaning: "What the prior added: the data do not determine it.", image: null,
          unit: "1/mm", palette: .sequential, window: .init(0...0.003)),
      ],
      residual: residual(index), verdict: verdict(index), seconds: 11.2)
  }

  func residual(_ index: Int) -> ReportResidual {
    var random = SplitMix64(seed: 5, stream: index)
    var sinogram = Sinogram(shape: [views, bins], samples: random.normals(views * bins))
    if status(index) == .fail {
      for view in 0..<views {
        for bin in 0..<bins {
          let s = 2 * Double(bin) / Double(bins - 1) - 1
          let wave =
            2.2 * Foundation.sin(9 * s + 2 * Double(view) / Double(views)) * Foundation.exp(-2 * s * s)
          sinogram[view, bin] += Float(wave) + (view == 11 ? 4 : 0)
        }
      }
    }
    return ReportResidual(sinogram: sinogram, angles: Angle.even(views))
  }

  /// Body, lungs, heart, spine, vessels and a lesion.
  private func chest(_ index: Int) -> Image {
    let grow = 1 + 0.06 * Double(index) / Double(max(1, sliceCount - 1))
    let ellipses: [(x: Double, y: Double, a: Double, b: Double, value: Float)] = [
      (0, 0, 0.90, 0.64, 0.0200), (0, 0, 0.84, 0.58, 0.0188),
      (-0.42, 0.06, 0.29 * grow, 0.42, 0.0052), (0.42, 0.06, 0.27 * grow, 0.42, 0.0052),
      (0.16, -0.08, 0.27, 0.25, Self.heart), (0, -0.42, 0.10, 0.10, 0.0310), (0, -0.42, 0.045, 0.05, 0.0215),
      (-0.09, -0.22, 0.06, 0.06, 0.0222),
      (-0.48, 0.18, 0.035, 0.035, 0.0195), (-0.36, -0.08, 0.022, 0.022, 0.0205),
      (-0.5, -0.1, 0.03, 0.02, 0.0205),
      (0.50, 0.22, 0.02, 0.02, 0.0205), (0.55, 0.0, 0.025, 0.018, 0.0205),
      (-0.80, 0.05, 0.03, 0.16, 0.0330), (0.80, 0.05, 0.03, 0.16, 0.0330), (0.0, 0.53, 0.09, 0.03, 0.0300),
    ]
    var image = Image(shape: [size, size])
    let centre = Double(size - 1) / 2
    for row in 0..<size {
      for column in 0..<size {
        let (x, y) = ((Double(column) - centre) / centre, (centre - Double(row)) / centre)
        for e in ellipses {
          let (u, v) = ((x - e.x) / e.a, (y - e.y) / e.b)
          if u * u + v * v < 1 { image[row, column] = e.value }
        }
      }
    }
    return image
  }

  /// Writes the whole run.
  @discardableResult
  func write(to path: String, data: ReportData? = nil, limits: ReportLimits = ReportLimits()) throws
    -> ReportSummary
  {
    var writer = try ReportWriter(path: path, identity: "sample", sliceCount: sliceCount, limits: limits)
    for index in 0..<sliceCount { try writer.append(slice(index)) }
    return try writer.finish(data ?? self.data())
  }
}

/// Runs `body` with the path of an empty folder, removed afterwards.
func withReportFolder<Result>(_ body: (String) throws -> Result) throws -> Result {
  let folder = try TemporaryFolder()
  return try withExtendedLifetime(folder) { try body(folder.path) }
}
