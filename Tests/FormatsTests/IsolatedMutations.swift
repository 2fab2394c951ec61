import Fields
import Formats
import Foundation
import TestSupport
import Testing

/// Damaged files for libraries that run in a process of their own.
enum IsolatedMutations {
  /// Every file is read in a process of its own, which takes its time: one for so many that others read.
  static let share = 4
  static let budget = 1 << 20

  /// A few bytes or numbers replaced, the length unchanged.
  static func mutated(_ file: [UInt8], using generator: inout SplitMix64) -> [UInt8] {
    var bytes = file
    for _ in 0..<Int.random(in: 1...4, using: &generator) {
      let position = Int.random(in: 0..<bytes.count, using: &generator)
      switch Int.random(in: 0..<4, using: &generator) {
      case 0: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
      case 1: bytes[position] = .random(in: 0...255, using: &generator)
      default:
        let value = TIFFMutationTests.edges.randomElement(using: &generator) ?? 0
        let size = [2, 4, 8].randomElement(using: &generator) ?? 4
        for i in 0..<size where position + i < bytes.count {
          bytes[position + i] = UInt8(truncatingIfNeeded: value >> UInt64(8 * i))
        }
      }
    }
    return bytes
  }

  /// - Returns: whether it was opened.
  static func read(_ path: String, _ what: String) -> Bool {
    let start = ContinuousClock.now
    // Computing time is limited to 3 s, which takes longer where all cores are busy.
    defer { #expect(ContinuousClock.now - start < max(.seconds(15), Soak.patience), "\(what)") }
    guard let stack = try? ImageStack(path: path, nonFinite: .keep, part: .magnitude, memory: budget) else {
      return false
    }
    #expect(stack.info.pageBytes <= budget, "\(what)")
    for index in 0..<min(stack.count, 2) { _ = try? stack.page(index) }
    return true
  }
}
