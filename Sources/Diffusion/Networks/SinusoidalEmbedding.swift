import Foundation

/// Cosines and sines of the time step at `width`/2 frequencies: `[N]` → `[N, width]`.
///
///     ωᵢ = 10000^(−i / (width/2 − shift)),   i = 0, …, width/2 − 1
///
/// Source: Vaswani et al., "Attention is all you need", NeurIPS 2017, section 3.5.
struct SinusoidalEmbedding {
  private let frequencies: [Float]
  private let cosinesFirst: Bool

  init(width: Int, shift: Double = 0, cosinesFirst: Bool = true) {
    let half = width / 2
    frequencies = (0..<half).map { Float(exp(-log(10000.0) * Double($0) / (Double(half) - shift))) }
    self.cosinesFirst = cosinesFirst
  }

  func callAsFunction(_ t: [Int]) throws(TorchError) -> Tensor {
    let phases = t.flatMap { step in frequencies.map { Float(step) * $0 } }
    let phase = try Tensor(phases, shape: [t.count, frequencies.count])
    let (sine, cosine) = (try phase.sine(), try phase.cosine())
    return try .concatenated(cosinesFirst ? [cosine, sine] : [sine, cosine], axis: 1)
  }
}
