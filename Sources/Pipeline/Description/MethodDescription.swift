import Diffusion
import Formats
import Foundation
import Operators
import Reconstruction

/// A reconstruction method with its settings: the register of methods.
///
/// In YAML `{method: deft, steps: 10, eta: 1}`, on the command line `deft:10:eta=1`.
public enum MethodDescription: Hashable, Sendable {
  case fbp(window: RampFilter.Window, cutoff: Double, padding: TruncationPadding = .zeros)
  /// `{method: cgls, steps: 100}`: at most so many steps.
  case cgls(limit: Int)
  /// `{method: sirt, steps: 500, relaxation: 1}`: at most so many steps.
  case sirt(limit: Int, relaxation: Double)
  /// `{method: os-sart, steps: 50, subsets: 10, relaxation: 1}`: at most so many passes over all subsets.
  case osSART(limit: Int, subsets: Int?, relaxation: Double)
  /// `{method: tv, lambda: 200, steps: 3000}`; without `lambda`, the weight at which χ² is what the noise makes it.
  case tv(TVWeight, limit: Int)
  /// `{method: fista, lambda: 200, steps: 3000}`: the same image as `tv` by another way.
  case fista(TVWeight, limit: Int)
  case dds(SamplingDescription)
  case deft(SamplingDescription, h: String)
  case postprocess(network: String)

  public enum TVWeight: Hashable, Sendable {
    case discrepancy
    case fixed(Double)
  }

  public struct SamplingDescription: Hashable, Sendable {
    public var estimate: Estimate
    public var steps: Int?
    public var eta: Double?
    public var draws: Int?

    public enum Estimate: String, Hashable, Sendable, CaseIterable { case sample, mean, fast }

    public init(_ estimate: Estimate = .sample, steps: Int? = nil, eta: Double? = nil, draws: Int? = nil) {
      self.estimate = estimate
      self.steps = steps
      self.eta = eta
      self.draws = draws
    }
  }

  public enum Name: String, CaseIterable, Sendable {
    case fbp, cgls, sirt
    case osSART = "os-sart"
    case tv, fista, dds, deft, postprocess
  }

  public var name: Name {
    switch self {
    case .fbp: .fbp
    case .cgls: .cgls
    case .sirt: .sirt
    case .osSART: .osSART
    case .tv: .tv
    case .fista: .fista
    case .dds: .dds
    case .deft: .deft
    case .postprocess: .postprocess
    }
  }

  /// The method's name as people write it.
  public var title: String {
    switch self {
    case .fbp: "FBP"
    case .cgls: "CGLS"
    case .sirt: "SIRT"
    case .osSART: "OS-SART"
    case .tv: "TV"
    case .fista: "TV (FISTA)"
    case .dds: "DDS"
    case .deft(let sampling, _): sampling.estimate == .mean ? "DEFT mean" : "DEFT"
    case .postprocess: "U-Net"
    }
  }

  /// Whether the method evaluates networks.
  var usesNetworks: Bool {
    switch self {
    case .dds, .deft, .postprocess: true
    case .fbp, .cgls, .sirt, .osSART, .tv, .fista: false
    }
  }

  /// Whether the method averages several draws and so knows their standard deviation.
  public var givesDeviation: Bool {
    switch self {
    case .dds(let sampling), .deft(let sampling, _): sampling.estimate == .mean
    case .fbp, .cgls, .sirt, .osSART, .tv, .fista, .postprocess: false
    }
  }
}

/// Where the keys of a method come from: YAML or the command line.
protocol MethodKeys {
  func integer(_ key: String, _ range: NumberRange) throws -> Int?
  func number(_ key: String, _ range: NumberRange) throws -> Double?
  func path(_ key: String) throws -> String?
  func choice<C: RawRepresentable & CaseIterable>(_ key: String, of: C.Type) throws -> C?
  where C.RawValue == String
  /// The error for a key that does not fit the others; `problem` is a whole sentence.
  func invalid(_ key: String, _ problem: String) -> any Error
}

extension MethodDescription {
  /// The one place where a method's keys are read.
  ///
  /// - Parameter h: the h-network where the method does not name one.
  init(_ name: Name, _ keys: some MethodKeys, h: String?, missing: (String) -> any Error) throws {
    switch name {
    case .fbp:
      self = .fbp(
        window: try keys.choice("window", of: RampFilter.Window.self) ?? .ramp,
        cutoff: try keys.number("cutoff", .between(0.01, 1)) ?? 1,
        padding: try keys.choice("padding", of: TruncationPadding.self) ?? .zeros)
    case .cgls:
      self = .cgls(limit: try keys.integer("steps", .between(1, 100_000)) ?? 100)
    case .sirt:
      self = .sirt(
        limit: try keys.integer("steps", .between(1, 100_000)) ?? 500,
        relaxation: try MethodDescription.relaxation(keys))
    case .osSART:
      self = .osSART(
        limit: try keys.integer("steps", .between(1, 100_000)) ?? 50,
        subsets: try keys.integer("subsets", .between(1, 100_000)),
        relaxation: try MethodDescription.relaxation(keys))
    case .tv:
      let (weight, limit) = try MethodDescription.totalVariation(keys)
      self = .tv(weight, limit: limit)
    case .fista:
      let (weight, limit) = try MethodDescription.totalVariation(keys)
      self = .fista(weight, limit: limit)
    case .dds:
      self = .dds(try MethodDescription.sampling(keys))
    case .deft:
      let sampling = try MethodDescription.sampling(keys)
      guard let network = try keys.path("h") ?? h else { throw missing("h") }
      self = .deft(sampling, h: network)
    case .postprocess:
      guard let network = try keys.path("network") else { throw missing("network") }
      self = .postprocess(network: network)
    }
  }

  private static func relaxation(_ keys: some MethodKeys) throws -> Double {
    try keys.number("relaxation", .between(0.01, 1.99)) ?? 1
  }

  private static func totalVariation(_ keys: some MethodKeys) throws -> (TVWeight, limit: Int) {
    (
      try keys.number("lambda", .positive).map { .fixed($0) } ?? .discrepancy,
      try keys.integer("steps", .between(1, 100_000)) ?? 3000
    )
  }

  private static func sampling(_ keys: some MethodKeys) throws -> SamplingDescription {
    let estimate = try keys.choice("estimate", of: SamplingDescription.Estimate.self)
    let draws = try keys.integer("draws", .between(2, 1000))
    if let estimate, estimate != .mean, draws != nil {
      throw keys.invalid(
        "draws",
        "several draws are averaged, which 'estimate: \(estimate.rawValue)' does not do. Write 'estimate: mean', "
          + "or leave 'draws' out.")
    }
    return SamplingDescription(
      estimate ?? (draws == nil ? .sample : .mean), steps: try keys.integer("steps", .between(1, 1000)),
      eta: try keys.number("eta", .between(0, 1)), draws: draws)
  }
}

/// The keys of a method in a YAML mapping; paths are relative to the file.
struct YAMLMethodKeys: MethodKeys {
  let map: YAMLMapping
  let folder: URL

  func integer(_ key: String, _ range: NumberRange) throws -> Int? { try map.optional(key)?.integer(range) }
  func number(_ key: String, _ range: NumberRange) throws -> Double? { try map.optional(key)?.number(range) }
  func path(_ key: String) throws -> String? { try map.optional(key).map { resolve(try $0.text(), folder) } }
  func choice<C: RawRepresentable & CaseIterable>(_ key: String, of: C.Type) throws -> C?
  where C.RawValue == String {
    try map.optional(key)?.choice(of: C.self)
  }

  func invalid(_ key: String, _ problem: String) -> any Error {
    map.optional(key)?.invalid(problem) ?? map.invalid(problem)
  }
}

extension MethodDescription {
  /// Reads `deft:10:eta=0:h=PATH`. The number after the name stands for `steps`.
  ///
  /// - Throws: ``MethodError`` in words.
  public init(argument: String, h: String?) throws {
    var words = argument.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
    guard let name = Name(rawValue: words.removeFirst()) else {
      throw MethodError(
        "unknown method '\(argument)'; known are \(Name.allCases.map(\.rawValue).joined(separator: ", ")).")
    }
    if let first = words.first, Int(first) != nil { words[0] = "steps=\(first)" }
    let keys = ArgumentKeys(argument: argument)
    for word in words {
      guard let equals = word.firstIndex(of: "="), equals != word.startIndex else {
        throw MethodError("'\(word)' in the method '\(argument)' is not of the form key=value.")
      }
      let key = String(word[..<equals])
      guard keys.values.updateValue(String(word[word.index(after: equals)...]), forKey: key) == nil else {
        throw MethodError("'\(key)' stands twice in the method '\(argument)'. Keep one of them.")
      }
    }
    try self.init(name, keys, h: h) {
      MethodError("the method '\(argument)' needs '\($0)=PATH', or a pipeline that names it.")
    }
    if let stranger = keys.values.keys.sorted().first(where: { !keys.asked.contains($0) }) {
      throw MethodError(
        "the method '\(name.rawValue)' has no setting '\(stranger)'; known are "
          + "\(keys.asked.sorted().joined(separator: ", ")).")
    }
  }

  private final class ArgumentKeys: MethodKeys {
    let argument: String
    var values: [String: String] = [:]
    var asked: Set<String> = []

    init(argument: String) { self.argument = argument }

    private func value(_ key: String) -> String? {
      asked.insert(key)
      return values[key]
    }

    private func wrong(_ key: String, _ value: String, _ expected: String) -> MethodError {
      MethodError("'\(key)' is '\(value)' in the method '\(argument)', expected \(expected).")
    }

    func invalid(_ key: String, _ problem: String) -> any Error {
      MethodError("'\(key)' in the method '\(argument)': \(problem)")
    }

    func integer(_ key: String, _ range: NumberRange) throws -> Int? {
      guard let text = value(key) else { return nil }
      guard let number = Int(text), range.contains(Double(number)) else {
        throw wrong(key, text, range.sentence("a whole number"))
      }
      return number
    }

    func number(_ key: String, _ range: NumberRange) throws -> Double? {
      guard let text = value(key) else { return nil }
      guard let number = Double(text), number.isFinite, range.contains(number) else {
        throw wrong(key, text, range.sentence("a number"))
      }
      return number
    }

    func path(_ key: String) throws -> String? { value(key) }

    func choice<C: RawRepresentable & CaseIterable>(_ key: String, of: C.Type) throws -> C?
    where C.RawValue == String {
      guard let text = value(key) else { return nil }
      guard let choice = C(rawValue: text) else {
        throw wrong(key, text, "one of \(C.allCases.map(\.rawValue).joined(separator: ", "))")
      }
      return choice
    }
  }
}

/// A method on the command line that cannot be understood.
public struct MethodError: Error, Equatable, CustomStringConvertible {
  public let description: String

  init(_ description: String) { self.description = description }
}
