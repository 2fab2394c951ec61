import CFFTW
import Foundation
import Synchronization

/// A row of one-dimensional FFTs, planned once and run on any memory of the same layout.
///
/// Transforms are not normalised: forward sums with exp(−2πi jk/n), backward with exp(+2πi jk/n).
///
/// `execute` may be called from several threads at once, each with its own memory. Planning from many tasks is
/// safe too: FFTW's planner is behind one lock.
package final class FourierPlan: Sendable {
  package enum Kind: Sendable {
    /// n floats → n/2 + 1 complex numbers. Keeps its input.
    case realToComplex
    /// n/2 + 1 complex numbers → n floats. Overwrites its input; ignores the imaginary parts of a real spectrum.
    case complexToReal
    /// Complex numbers, exp(−2πi jk/n). Keeps its input unless it runs in place.
    case forward
    /// Complex numbers, exp(+2πi jk/n). Keeps its input unless it runs in place.
    case backward
  }

  package let kind: Kind
  package let length: Int
  package let count: Int
  private let plan: Planner.RawPlan

  /// Plans `count` transforms of `length` points.
  ///
  /// - Parameters:
  ///   - inputPitch: distance between the inputs, in floats for ``Kind/realToComplex``, else in complex numbers.
  ///   - outputPitch: distance between the outputs, in floats for ``Kind/complexToReal``, else in complex numbers.
  ///   - inPlace: whether input and output are the same memory.
  ///   - aligned: the memory comes from ``AlignedBuffer`` and every row starts on 64 bytes. Swift arrays do not
  ///     promise this.
  /// - Throws: ``OperatorError/planFailed(_:)``
  package init(
    _ kind: Kind, length: Int, count: Int = 1, inputPitch: Int, outputPitch: Int, inPlace: Bool = false,
    aligned: Bool = false
  ) throws(OperatorError) {
    guard
      let plan = Planner.shared.withLock({
        $0.plan(
          kind, length, count, inputPitch, outputPitch, inPlace: inPlace, aligned: aligned,
          measured: FourierWisdom.measures)
      })
    else { throw .planFailed("\(count) transforms of \(length) points") }
    self.kind = kind
    self.length = length
    self.count = count
    self.plan = plan
  }

  deinit {
    Planner.shared.withLock { $0.destroy(plan) }
  }

  /// Runs the plan. Real data are floats, complex data are pairs of floats.
  @inline(__always)
  package func execute(_ input: UnsafeMutablePointer<Float>, _ output: UnsafeMutablePointer<Float>) {
    let complexInput = UnsafeMutableRawPointer(input).assumingMemoryBound(to: fftwf_complex.self)
    let complexOutput = UnsafeMutableRawPointer(output).assumingMemoryBound(to: fftwf_complex.self)
    switch kind {
    case .realToComplex: fftwf_execute_dft_r2c(plan.pointer, input, complexOutput)
    case .complexToReal: fftwf_execute_dft_c2r(plan.pointer, complexInput, output)
    case .forward, .backward: fftwf_execute_dft(plan.pointer, complexInput, complexOutput)
    }
  }

  /// The next length ≥ `minimum` that is a multiple of `multiple` and has no prime factor above 7, where FFTW is
  /// fastest.
  package static func fastLength(atLeast minimum: Int, multipleOf multiple: Int = 2) -> Int {
    var candidate = max(1, (minimum + multiple - 1) / multiple) * multiple
    while true {
      var rest = candidate
      for factor in [2, 3, 5, 7] {
        while rest % factor == 0 { rest /= factor }
      }
      if rest == 1 { return candidate }
      candidate += multiple
    }
  }
}

/// What FFTW has measured on a machine: which of its plans are fast there.
///
/// Plans are estimated unless told otherwise, the same in every run. Measured ones are faster, but no two measurements
/// need agree, and with other plans results differ in the last bits. Wisdom is therefore an input that is named and read
/// before operators are built, never a cache that a program fills unseen.
public enum FourierWisdom {
  @TaskLocal static var measures = false

  /// Operators that are built inside have their plans measured, which takes seconds; later ones of the same sizes
  /// use these.
  public static func measuring<Result>(_ build: () throws -> Result) rethrows -> Result {
    try $measures.withValue(true, operation: build)
  }

  /// What this process knows, for a file.
  ///
  /// - Throws: ``OperatorError/planFailed(_:)`` where FFTW has no memory for it.
  public static func text() throws(OperatorError) -> String {
    guard let text = Planner.shared.withLock({ $0.exportWisdom() }) else {
      throw .planFailed("a record of what it has measured")
    }
    return text
  }

  /// Lets operators that are built from here on use the plans in a file.
  ///
  /// - Throws: ``OperatorError/unreadable(path:line:reason:)``.
  public static func read(contentsOf path: String) throws(OperatorError) {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .unreadable(path: path, line: nil, reason: "there is no such file, or it may not be read")
    }
    let text = String(decoding: data, as: UTF8.self)
    guard Planner.shared.withLock({ $0.importWisdom(text) }) else {
      throw .unreadable(
        path: path, line: nil,
        reason: "it is no wisdom of this version of FFTW in single precision; make it again with "
          + "'deft verify --make-wisdom'")
    }
  }
}

/// > The only thread-safe routine in FFTW is `fftw_execute` (and the new-array variants thereof). All other
/// > routines (e.g. the planner) should only be called from one thread at a time.
/// > — FFTW 3.3.10 manual, §5.4
private struct Planner: Sendable {
  struct RawPlan: @unchecked Sendable { let pointer: fftwf_plan }

  static let shared = Mutex(Planner())

  func plan(
    _ kind: FourierPlan.Kind, _ length: Int, _ count: Int, _ inputPitch: Int, _ outputPitch: Int,
    inPlace: Bool, aligned: Bool, measured: Bool
  ) -> RawPlan? {
    guard length > 0, count > 0 else { return nil }
    let input = AlignedBuffer(count: 2 * max(inputPitch, length + 2) * count)
    let output = inPlace ? input : AlignedBuffer(count: 2 * max(outputPitch, length + 2) * count)
    let complexInput = UnsafeMutableRawPointer(input.start).assumingMemoryBound(to: fftwf_complex.self)
    let complexOutput = UnsafeMutableRawPointer(output.start).assumingMemoryBound(to: fftwf_complex.self)
    var n = Int32(length)
    let (idist, odist, howMany) = (Int32(inputPitch), Int32(outputPitch), Int32(count))
    // ESTIMATE never measures, so that equal runs make equal plans (FFTW FAQ 3.8).
    let flags =
      (measured ? UInt32(FFTW_MEASURE) : UInt32(FFTW_ESTIMATE)) | (aligned ? 0 : UInt32(FFTW_UNALIGNED))
    let plan: fftwf_plan? =
      switch kind {
      case .realToComplex:
        fftwf_plan_many_dft_r2c(
          1, &n, howMany, input.start, nil, 1, idist, complexOutput, nil, 1, odist, flags)
      case .complexToReal:
        fftwf_plan_many_dft_c2r(
          1, &n, howMany, complexInput, nil, 1, idist, output.start, nil, 1, odist, flags)
      case .forward:
        fftwf_plan_many_dft(
          1, &n, howMany, complexInput, nil, 1, idist, complexOutput, nil, 1, odist, FFTW_FORWARD, flags)
      case .backward:
        fftwf_plan_many_dft(
          1, &n, howMany, complexInput, nil, 1, idist, complexOutput, nil, 1, odist, FFTW_BACKWARD, flags)
      }
    return plan.map { RawPlan(pointer: $0) }
  }

  func destroy(_ plan: RawPlan) { fftwf_destroy_plan(plan.pointer) }
  func importWisdom(_ text: String) -> Bool { fftwf_import_wisdom_from_string(text) == 1 }
  func exportWisdom() -> String? {
    guard let text = fftwf_export_wisdom_to_string() else { return nil }
    defer { fftwf_free(text) }
    return String(cString: text)
  }
}
