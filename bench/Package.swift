// swift-tools-version: 6.1
import PackageDescription

// A package of its own, so that building and testing the main one never builds it.
let package = Package(
  name: "Benchmarks",
  dependencies: [.package(name: "deft", path: "..")],
  targets: [
    .executableTarget(
      name: "OperatorsBenchmark", dependencies: [.product(name: "Reconstruction", package: "deft")]),
    .executableTarget(
      name: "MRIBenchmark", dependencies: [.product(name: "Reconstruction", package: "deft")]),
    .executableTarget(
      name: "ProjectionsBenchmark", dependencies: [.product(name: "Reconstruction", package: "deft")]),
  ],
  swiftLanguageModes: [.v6]
)
