#if HDF5
  import Fields
  import Formats
  import Foundation
  import TestSupport
  import Testing

  /// Damaged HDF5 files: an error or an image. libhdf5 itself does not survive them (of 1,000 files as below it ended with a
  /// signal in about 4 and did not end in about 2), the program does.
  @Suite struct HDF5MutationTests {
    static let names = ["exchange.h5", "tomo.nxs", "plain.h5", "types2.h5:fletcher"]

    static func bytes(_ name: String) throws -> [UInt8] {
      [UInt8](
        try Data(contentsOf: URL(fileURLWithPath: FormatRegistry.file(of: "\(HDF5Tests.folder)/\(name)"))))
    }

    @Test(.timeLimit(.minutes(60)), arguments: names) func survivesDamagedFiles(name: String) throws {
      let folder = try TemporaryFolder()
      let whole = try Self.bytes(name)
      let suffix = name.contains(":") ? ":fletcher" : ""
      var opened = 0
      let count = Soak.count(125, parts: IsolatedMutations.share * Self.names.count)
      try Soak.measure("HDF5") {
        for seed in 0..<count {
          var generator = SplitMix64(seed: UInt64(seed))
          let path = try folder.write(IsolatedMutations.mutated(whole, using: &generator), "a.h5")
          if IsolatedMutations.read(path + suffix, "seed \(seed)") { opened += 1 }
          if seed % 8 == 0 { _ = try? HDF5Angles.degrees(of: path) }
        }
        return count
      }
      #expect(opened > count / 20 && opened < count)
    }

    @Test(arguments: names) func refusesFilesThatWereCut(name: String) throws {
      let folder = try TemporaryFolder()
      let whole = try Self.bytes(name)
      for length in stride(from: 0, to: whole.count, by: 64) {
        let path = try folder.write(Array(whole[..<length]), "a.h5")
        #expect(throws: StackError.self, "\(length)") { try ImageStack(path: path) }
      }
    }

    /// Every failed reader is gone, with its end of the socket.
    @Test func leavesNothingBehind() throws {
      func open() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count }
      let folder = try TemporaryFolder()
      let before = try open()
      for _ in 0..<100 {
        _ = try ImageStack(path: HDF5Tests.folder + "/plain.h5").page(0)
        _ = try? ImageStack(path: folder.write([1, 2, 3], "a.h5"))
      }
      // Other tests open files meanwhile.
      #expect(try open() < before + 50)
    }
  }
#endif
