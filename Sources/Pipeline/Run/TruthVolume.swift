import Diffusion
import Fields
import Formats
import Foundation

/// Ground truth in a stack, read in HU.
public struct TruthVolume: Sendable {
  public let count: Int
  private let stack: TIFFStack
  private let indices: [Int]
  private let offset: Float
  private let unit: VolumeUnit
  private let scale: AttenuationScale

  /// - Parameters:
  ///   - pages: `4,12,20` or `4-78/8`, from 1; all when nil.
  ///   - unit: where the file does not say it.
  public init(path: String, pages: String?, offset: Double, unit: String?, scale: AttenuationScale) throws {
    stack = try TIFFStack(path: path)
    indices = try PageSelection(pages, available: stack.count, path: path).indices
    count = indices.count
    self.offset = Float(offset)
    self.scale = scale
    let stated = stack.info.unit ?? unit
    guard let stated, let known = VolumeUnit(rawValue: stated) else {
      throw MethodError(
        "'\(path)' is in the unit '\(stated ?? "unknown")', expected HU or 1/mm. Give --unit HU or --unit 1/mm.")
    }
    self.unit = known
  }

  public func hounsfield(_ index: Int) throws -> Image {
    let stored = try stack.page(indices[index])
    let image = offset == 0 ? stored : stored.map { $0 + offset }
    return unit == .hounsfield ? image : scale.hounsfield(image)
  }
}

/// Pages chosen on the command line.
public struct PageSelection: Hashable, Sendable {
  /// Counted from 0.
  public let indices: [Int]

  /// - Parameter text: `4,12,20`, `4-78/8` (every eighth from 4 to 78) or a mixture; nil for all.
  public init(_ text: String?, available: Int, path: String) throws {
    guard let text else {
      indices = Array(0..<available)
      return
    }
    var pages: [Int] = []
    for part in text.split(separator: ",") {
      let step = part.split(separator: "/")
      let ends = (step.first ?? "").split(separator: "-").map { Int($0.trimmingCharacters(in: .whitespaces)) }
      let stride = step.count == 2 ? Int(step[1]) : 1
      guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], let stride,
        stride > 0, first <= last
      else { throw MethodError("cannot read the pages '\(part)', expected something like 4,12,20 or 4-78/8.") }
      pages += Swift.stride(from: first, through: last, by: stride)
    }
    let missing = pages.filter { $0 < 1 || $0 > available }
    guard missing.isEmpty, !pages.isEmpty else {
      throw RunError.noSuchPages(path, pages: missing, available: available)
    }
    indices = pages.map { $0 - 1 }
  }
}
