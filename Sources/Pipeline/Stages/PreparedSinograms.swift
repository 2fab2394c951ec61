import Fields
import Formats
import Foundation
import Operators
import Synchronization

/// The sinograms of a scan, one per slice, as the preprocessing of a pipeline leaves them.
///
/// Nothing is held but the slices that are asked for and, of raw projections, the blocks of rows they come from.
public struct PreparedSinograms: FieldSource {
  public typealias Element = Sinogram

  public let path: String
  public let count: Int
  /// Of the stack that was opened: sinograms or projections.
  public let info: StackInfo
  /// From slice to slice in mm, where the file says it: between pages of sinograms, between rows of projections.
  public let sliceSpacing: Double?
  /// What was read, in the order of the pipeline: paths as they were given, with their files in the order of the pages.
  public let files: [(path: String, parts: [String])]
  public let lookahead: Int
  private let source: Source
  private let stages: [any SinogramStage]
  /// For each slice that was read: samples replaced by every stage.
  private let replacements = Replacements()

  private enum Source: Sendable {
    case sinograms(StackSinograms)
    case projections(ProjectionSinograms)
  }

  private final class Replacements: Sendable {
    let bySlice = Mutex<[Int: Int]>([:])
  }

  /// Opens the input of a pipeline and checks it against the geometry.
  ///
  /// - Parameter path: instead of the one in the pipeline.
  /// - Throws: ``RunError``, `TIFFError`, `ProjectionError`, `OperatorError`.
  public init(_ description: PipelineDescription, path: String?, lookahead: Int = 1) throws {
    let geometry = description.geometry
    let shape: Shape = [geometry.beam.angles.count, geometry.beam.bins]
    switch description.input {
    case .sinograms(let order, let standard):
      guard let path = path ?? standard else { throw RunError.noInput(description.file) }
      self.path = path
      let stack = try ImageStack(path: path)
      files = [(path, stack.files)]
      info = stack.info
      sliceSpacing = info.spacing.z
      let sinograms = StackSinograms(StackPages(stack, lookahead: lookahead), order: order)
      guard sinograms.shape == shape else {
        throw RunError.wrongShape(path: path, found: sinograms.shape, expected: shape)
      }
      source = .sinograms(sinograms)
      count = stack.count
    case .projections(let standard, let detector):
      guard let path = path ?? standard else { throw RunError.noInput(description.file) }
      self.path = path
      let folder = URL(fileURLWithPath: FormatRegistry.file(of: path)).deletingLastPathComponent()
      let projections = try ImageStack(path: path)
      let field = try detector.open(in: folder)
      files = ([projections] + field.flats + field.darks).map { ($0.path, $0.files) }
      info = projections.info
      sliceSpacing = info.spacing.y
      guard projections.count == shape[0] else {
        throw RunError.wrongViews(path: path, found: projections.count, expected: shape[0])
      }
      let stack = try ProjectionStack(projections: projections, flatField: field)
      guard stack.bins == shape[1] else {
        throw RunError.wrongShape(path: path, found: [stack.views.count, stack.bins], expected: shape)
      }
      let sinograms = ProjectionSinograms(
        stack, memory: detector.memory, lookahead: lookahead, threads: processorCount)
      source = .projections(sinograms)
      count = sinograms.count
    }
    self.lookahead = lookahead
    stages = try description.preprocess.map { try $0.stage(for: shape) }
  }

  public func field(at index: Int) async throws -> Sinogram {
    var sinogram =
      switch source {
      case .sinograms(let sinograms): try await sinograms.field(at: index)
      case .projections(let sinograms): try await sinograms.field(at: index)
      }
    guard !stages.isEmpty else { return sinogram }
    var count = 0
    for stage in stages {
      try Task.checkCancellation()
      count += stage.apply(&sinogram)
    }
    let found = count
    replacements.bySlice.withLock { $0[index] = found }
    return sinogram
  }

  /// Bytes of the blocks of rows that are held, beside the slices.
  public var memory: Int {
    if case .projections(let sinograms) = source { sinograms.memory } else { 0 }
  }

  /// How many samples of a slice were raised to the smallest transmission before the logarithm.
  public func clipped(_ index: Int) -> Int {
    guard case .projections(let sinograms) = source else { return 0 }
    return sinograms.clipped(at: index) ?? 0
  }

  /// How many samples of a slice the stages found faulty and replaced; 0 before it was read.
  public func replaced(_ index: Int) -> Int { replacements.bySlice.withLock { $0[index] ?? 0 } }
}
