import Formats

/// Why a checkpoint cannot be used: where, what was found, what to do.
public enum CheckpointError: Error, Equatable, CustomStringConvertible {
  case unreadable(String, reason: String)
  /// There is no library to read it with.
  case library(TorchError)
  case malformed(String, reason: String)
  case missingWeight(String, name: String)
  case unusedWeights(String, names: [String])
  case wrongShape(String, name: String, found: [Int], expected: [Int])
  case otherOperator(String, differences: [String])
  case otherPrior(String, found: String, expected: String)
  case otherSchedule(String, found: Int, expected: Int)
  case otherRange(String, found: IntensityRange, expected: IntensityRange)
  case unsupported(String, setting: String, found: String, expected: String)

  public var description: String {
    switch self {
    case .unreadable(let path, let reason):
      "cannot read the checkpoint '\(path)': \(reason). Give the folder of a network, with "
        + "config.json and diffusion_pytorch_model.safetensors, or the TorchScript file of a prior."
    case .library(let error): error.description
    case .malformed(let path, let reason):
      "'\(path)' is not a valid checkpoint: \(reason). It may be truncated; copy or train it again."
    case .missingWeight(let path, let name):
      "'\(path)' lacks the weight '\(name)' that its configuration calls for: it was saved by another "
        + "architecture. Use the config.json that was saved with it."
    case .unusedWeights(let path, let names):
      "'\(path)' holds \(names.count) weights that its configuration does not use, such as '\(names[0])': "
        + "it was saved by another architecture. Use the config.json that was saved with it."
    case .wrongShape(let path, let name, let found, let expected):
      "'\(path)': the weight '\(name)' has the shape \(found), the configuration calls for \(expected). "
        + "Use the config.json that was saved with it."
    case .otherOperator(let path, let differences):
      "the network '\(path)' was tuned for another scan: \(differences.joined(separator: "; ")). "
        + "Tune one for this geometry with 'deft train h', or use the method 'dds', which needs none."
    case .otherPrior(let path, let found, let expected):
      "the network '\(path)' was tuned with a prior of checksum \(expected.prefix(12)), this one has "
        + "\(found.prefix(12)). Use the prior it was tuned with, or tune it again with 'deft train h'."
    case .otherSchedule(let path, let found, let expected):
      "the network '\(path)' was tuned with a prior of \(found) noise levels, this one has \(expected). "
        + "Use the prior it was tuned with, or tune it again with 'deft train h'."
    case .otherRange(let path, let found, let expected):
      "the network '\(path)' was trained on images of \(found), the images of this pipeline are taken from "
        + "\(expected). Use a network that was trained on this range, or train it again."
    case .unsupported(let path, let setting, let found, let expected):
      "'\(path)': \(setting) is \(found), supported is \(expected)."
    }
  }
}

extension CheckpointError {
  /// A file that the system does not let us read.
  static func unreadable(_ path: String, because error: any Error) -> CheckpointError {
    .unreadable(path, reason: FileError(error)?.reason ?? "\(error)")
  }
}
