// swift-tools-version: 6.1
import PackageDescription

// A package of its own, so that building and testing the main one never builds it.
let package = Package(
  name: "Benchmarks",
  dependencies: [.package(name: "deft", path: "..")],
  targets: ["OperatorsBenchmark", "MRIBenchmark", "ProjectionsBenchmark", "VolumesBenchmark"].map {
    .executableTarget(name: $0, dependencies: [.product(name: "Reconstruction", package: "deft")])
  },
  swiftLanguageModes: [.v6]
)
