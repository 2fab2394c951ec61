// swift-tools-version: 6.1
import PackageDescription

// A libtorch other than the system's, such as a newer one: LIBTORCH=/path/to/libtorch swift build
let libtorch = Context.environment["LIBTORCH"]

// torch/torch.h, which the optimisers need, lives in a second include folder.
let torchHeaders: [CXXSetting] = [
  .unsafeFlags(
    libtorch.map { ["-I\($0)/include", "-I\($0)/include/torch/csrc/api/include"] }
      ?? ["-I/usr/include/torch/csrc/api/include"])
]
let torchLibraries: [LinkerSetting] =
  (libtorch.map { [.unsafeFlags(["-L\($0)/lib", "-Xlinker", "-rpath", "-Xlinker", "\($0)/lib"])] } ?? [])
  + [.linkedLibrary("torch"), .linkedLibrary("torch_cpu"), .linkedLibrary("c10")]

let numerics = Target.Dependency.product(name: "Numerics", package: "swift-numerics")
let yams = Target.Dependency.product(name: "Yams", package: "Yams")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")

func testTarget(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .testTarget(name: "\(name)Tests", dependencies: [.target(name: name), "TestSupport"] + dependencies)
}

// make soak: the tests that read damaged files, without those that would take most of the time to build.
let soaks = Context.environment["DEFT_SOAK"] != nil

let package = Package(
  name: "deft",
  products: [
    .executable(name: "deft", targets: ["deft"]),
    // Loaded when a network is used.
    .library(name: "DeftTorch", type: .dynamic, targets: ["DeftTorch"]),
    .library(name: "Formats", targets: ["Fields", "Formats"]),
    .library(
      name: "Reconstruction", targets: ["Fields", "Formats", "Operators", "Diffusion", "Reconstruction"]),
  ],
  traits: [
    .default(enabledTraits: ["NIfTI", "HDF5", "ISMRMRD", "DICOM"]),
    .trait(name: "NIfTI", description: "Reads NIfTI and Analyze files, with libnifti2-dev"),
    .trait(name: "HDF5", description: "Reads HDF5: Data Exchange, NXtomo, plain datasets, with libhdf5-dev"),
    .trait(name: "ISMRMRD", description: "Reads MRI scans, with libismrmrd-dev", enabledTraits: ["HDF5"]),
    .trait(name: "DICOM", description: "Reads DICOM series, with libgdcm-dev"),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-numerics", from: "1.1.1"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .systemLibrary(name: "CFFTW", providers: [.apt(["libfftw3-dev"])]),
    .systemLibrary(name: "CTIFF", providers: [.apt(["libtiff-dev"])]),
    .systemLibrary(name: "CSamples"),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .target(name: "CIsolation"),
    .target(
      name: "CNIfTI",
      cSettings: [.headerSearchPath("library"), .define("NIFTI_TRAIT", .when(traits: ["NIfTI"]))],
      linkerSettings: [
        .linkedLibrary("nifti2", .when(traits: ["NIfTI"])), .linkedLibrary("znz", .when(traits: ["NIfTI"])),
      ]),
    .target(
      name: "CHDF5", dependencies: ["CIsolation"],
      cSettings: [.define("CHDF5_ENABLED", .when(traits: ["HDF5"]))],
      linkerSettings: [.linkedLibrary("hdf5_serial", .when(traits: ["HDF5"]))]),
    .target(
      name: "CISMRMRD", dependencies: ["CIsolation"],
      cxxSettings: [.headerSearchPath("library"), .define("CISMRMRD_ENABLED", .when(traits: ["ISMRMRD"]))],
      linkerSettings: ["ismrmrd", "hdf5_serial"].map { .linkedLibrary($0, .when(traits: ["ISMRMRD"])) }),
    .target(
      name: "CDICOM", dependencies: ["CIsolation"],
      cxxSettings: [.define("CDICOM_ENABLED", .when(traits: ["DICOM"]))],
      linkerSettings: ["gdcmMSFF", "gdcmDSED", "gdcmCommon"].map {
        .linkedLibrary($0, .when(traits: ["DICOM"]))
      }),
    .target(name: "CTorch"),
    .target(
      name: "DeftTorch", dependencies: ["CTorch"], cxxSettings: torchHeaders, linkerSettings: torchLibraries),

    .target(name: "Fields", dependencies: [numerics]),
    .target(
      name: "Formats",
      dependencies: [
        "Fields", "CSamples", "CTIFF", "CZlib", "CIsolation", numerics, yams,
        .target(name: "CNIfTI", condition: .when(traits: ["NIfTI"])),
        .target(name: "CHDF5", condition: .when(traits: ["HDF5"])),
        .target(name: "CISMRMRD", condition: .when(traits: ["ISMRMRD"])),
        .target(name: "CDICOM", condition: .when(traits: ["DICOM"])),
        .product(name: "DequeModule", package: "swift-collections"),
      ]),
    .target(name: "Operators", dependencies: ["Fields", "Formats", "CFFTW", numerics]),
    .target(name: "Diffusion", dependencies: ["Fields", "Formats", "Operators", "CTorch"]),
    .target(name: "Reconstruction", dependencies: ["Fields", "Formats", "Operators", "Diffusion"]),
    .target(
      name: "Pipeline",
      dependencies: [
        "Fields", "Formats", "Operators", "Diffusion", "Reconstruction", numerics, yams, logging,
        .product(name: "Crypto", package: "swift-crypto"),
        .product(name: "Mustache", package: "swift-mustache"),
      ]),
    .executableTarget(
      name: "deft",
      dependencies: [
        "Fields", "Formats", "Operators", "Diffusion", "Reconstruction", "Pipeline", logging,
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    .target(name: "TestSupport", dependencies: ["Fields", "Operators"], path: "Tests/TestSupport"),
    testTarget("Fields", [numerics]),
    .testTarget(
      name: "FormatsTests", dependencies: ["Fields", "Formats", "CZlib", "TestSupport", numerics],
      exclude: ["Fixtures"]),
    testTarget("Operators", ["Fields"]),
    .testTarget(
      name: "DiffusionTests", dependencies: ["Fields", "Operators", "Diffusion", "TestSupport"],
      exclude: ["Fixtures"]),
    .testTarget(
      name: "ReconstructionTests",
      dependencies: ["Fields", "Operators", "Diffusion", "Reconstruction", "TestSupport"],
      exclude: ["Fixtures"]),
    testTarget(
      "Pipeline", ["Fields", "Formats", "Operators", "Diffusion", "Reconstruction", numerics, logging]),
    .testTarget(
      name: "DeftTests", dependencies: ["Fields", "Formats", "TestSupport"],
      exclude: ["Fixtures"]),
  ],
  swiftLanguageModes: [.v6],
  cxxLanguageStandard: .cxx17
)

if soaks {
  package.targets.removeAll {
    $0.name == "deft" || $0.isTest && !["FormatsTests", "PipelineTests"].contains($0.name)
  }
  package.products.removeAll { $0.name == "deft" }
}
