import Fields

/// The named weights of a network, in the order in which its layers ask for them.
///
/// A network is built by the same code whether its weights are drawn or read: the store decides.
public final class ParameterStore {
  public private(set) var names: [String] = []
  public private(set) var tensors: [Tensor] = []
  private var source: Source

  enum Source {
    case random(SplitMix64)
    case stored(SafeTensors, used: Set<String>)
  }

  package init(seed: UInt64) { source = .random(SplitMix64(seed: seed)) }
  package init(_ stored: SafeTensors) { source = .stored(stored, used: []) }

  public var root: ParameterScope { ParameterScope(store: self, prefix: "") }
  public var count: Int { tensors.reduce(0) { $0 + $1.count } }

  fileprivate func parameter(
    _ name: String, _ shape: [Int], _ initial: ParameterScope.Initial
  ) throws -> Tensor {
    let values: [Float]
    switch source {
    case .random(var generator):
      let count = shape.reduce(1, *)
      switch initial {
      case .constant(let value): values = Array(repeating: value, count: count)
      case .uniform(let bound):
        values = (0..<count).map { _ in Float((2 * generator.uniform() - 1) * bound) }
      }
      source = .random(generator)
    case .stored(let file, var used):
      guard
        let entry = file.entries[name]
          ?? ParameterStore.earlierNames(name).lazy.compactMap({ file.entries[$0] }).first
      else { throw CheckpointError.missingWeight(file.path, name: name) }
      guard
        entry.shape == shape
          || entry.shape.reduce(1, *) == shape.reduce(1, *)
            && entry.shape.filter({ $0 != 1 }) == shape.filter({ $0 != 1 })
      else { throw CheckpointError.wrongShape(file.path, name: name, found: entry.shape, expected: shape) }
      used.insert(entry.name)
      source = .stored(file, used: used)
      values = try file.floats(entry)
    }
    let tensor = try Tensor(values, shape: shape)
    names.append(name)
    tensors.append(tensor)
    return tensor
  }

  /// Checkpoints made by diffusers before 0.17 call the attention projections otherwise.
  private static func earlierNames(_ name: String) -> [String] {
    let renamed = [".to_q.": ".query.", ".to_k.": ".key.", ".to_v.": ".value.", ".to_out.0.": ".proj_attn."]
    for (new, old) in renamed {
      if let range = name.firstRange(of: new) { return [name.replacingCharacters(in: range, with: old)] }
    }
    return []
  }

  /// Fails when the file holds weights the network did not ask for: it is of another architecture.
  package func expectAllUsed() throws(CheckpointError) {
    guard case .stored(let file, let used) = source else { return }
    let unused = file.entries.keys.filter { !used.contains($0) }.sorted()
    guard unused.isEmpty else { throw .unusedWeights(file.path, names: unused) }
  }

  /// Marks every weight as trainable.
  package func requireGradients() throws(TorchError) {
    for tensor in tensors { try tensor.requireGradient() }
  }
}

extension String {
  fileprivate func replacingCharacters(in range: Range<Index>, with other: String) -> String {
    self[..<range.lowerBound] + other + self[range.upperBound...]
  }
}

/// A place in the hierarchy of weights: `down_blocks.0.resnets.0`.
public struct ParameterScope {
  let store: ParameterStore
  let prefix: String

  enum Initial {
    case constant(Float)
    /// Uniform on (−bound, bound).
    case uniform(bound: Double)
  }

  public func callAsFunction(_ name: String) -> ParameterScope {
    ParameterScope(store: store, prefix: prefix.isEmpty ? name : "\(prefix).\(name)")
  }
  public func callAsFunction(_ index: Int) -> ParameterScope { self(String(index)) }

  func parameter(_ name: String, _ shape: [Int], _ initial: Initial) throws -> Tensor {
    try store.parameter(self(name).prefix, shape, initial)
  }
}
