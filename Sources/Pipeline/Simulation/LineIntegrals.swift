import Fields
import Operators

/// How noise-free line integrals are made.
public enum SimulationModel: String, Codable, Hashable, Sendable, CaseIterable {
  /// Exact line integrals of a phantom, averaged over every bin.
  case closedForm = "closed-form"
  /// Rays through the pixels, several to a bin: another discretisation than that of the reconstruction.
  case rays
  /// The reconstruction's own operator: the inverse crime, for comparison with papers that commit it.
  case `operator`
}

/// Line integrals of images, by one of the two models that need pixels.
struct ImageProjector: Sendable {
  private enum Kind: Sendable {
    case rays(RayTransform, perBin: Int)
    case radon(RadonTransform)
  }

  private let kind: Kind
  /// (1/n) Aᴴ 1, so that ⟨x, weights⟩ is the mean of the n line integrals of x.
  private let weights: Image
  private let domain: ImageSpace

  static func rays(
    _ beam: ParallelBeam, _ grid: ImageSpace, perBin: Int, threads: Int
  ) throws(OperatorError) -> ImageProjector {
    // Ray r of bin k sits at k − 1/2 + (r + 1/2) / perBin.
    let fine = ParallelBeam(
      angles: beam.angles, bins: beam.bins * perBin, binSpacing: beam.binSpacing / Double(perBin),
      axis: (beam.axis + 0.5) * Double(perBin) - 0.5)
    return ImageProjector(.rays(try RayTransform(grid, beam: fine, threads: threads), perBin: perBin))
  }

  static func radon(
    _ beam: ParallelBeam, _ grid: ImageSpace, threads: Int
  ) throws(OperatorError) -> ImageProjector {
    ImageProjector(.radon(try RadonTransform(grid, beam: beam, threads: threads)))
  }

  private init(_ kind: Kind) {
    func mean<A: ParallelBeamOperator>(_ A: A) -> Image {
      let count = A.codomain.shape.count
      return A.adjoint(Sinogram(shape: A.codomain.shape, filledWith: 1 / Float(count)))
    }
    self.kind = kind
    switch kind {
    case .rays(let A, _): (weights, domain) = (mean(A), A.domain)
    case .radon(let A): (weights, domain) = (mean(A), A.domain)
    }
  }

  /// The mean line integral of an image, without its sinogram.
  func mean(_ image: Image) -> Double { domain.inner(weights, image).real }

  func callAsFunction(_ image: Image) -> Sinogram {
    switch kind {
    case .radon(let A): A(image)
    case .rays(let A, let perBin): Self.averaged(A(image), over: perBin)
    }
  }

  private static func averaged(_ fine: Sinogram, over perBin: Int) -> Sinogram {
    guard perBin > 1 else { return fine }
    let (views, bins) = (fine.shape[0], fine.shape[1] / perBin)
    let samples = [Float](unsafeUninitializedCapacity: views * bins) { target, count in
      fine.samples.withUnsafeBufferPointer { source in
        for i in 0..<views * bins {
          var sum: Float = 0
          for ray in 0..<perBin { sum += source[i * perBin + ray] }
          target[i] = sum / Float(perBin)
        }
      }
      count = views * bins
    }
    return Sinogram(shape: [views, bins], samples: samples)
  }
}
