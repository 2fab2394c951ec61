import ComplexModule
import Fields
import Formats
import Foundation
import TestSupport
import Testing

@Suite struct NPYTests {
  static func stack(_ name: String) throws -> ImageStack {
    try ImageStack(path: StackFixtures.path("\(name).npy"))
  }

  /// A file of format 1.0, written by hand.
  static func file(_ header: String, _ samples: [UInt8]) -> [UInt8] {
    let text = Array(header.utf8)
    return [0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(text.count & 255), UInt8(text.count >> 8)] + text
      + samples
  }

  static func header(_ code: String, _ shape: String, fortran: Bool = false) -> String {
    "{'descr': '\(code)', 'fortran_order': \(fortran ? "True" : "False"), 'shape': \(shape), }\n"
  }

  @Test(arguments: [
    ("c", SampleType.float32, Float(-20)), ("fortran", .float64, -20), ("big-endian", .int16, 0),
    ("half", .float16, -20), ("four", .float32, -20), ("version2", .float32, -20),
    ("version3", .float32, -20),
  ])
  func readsWhatNumPyWrites(name: String, type: SampleType, shift: Float) throws {
    let stack = try Self.stack(name)
    try StackFixtures.expect(stack, holds: StackFixtures.pages(plus: shift))
    #expect((stack.info.format, stack.info.sampleType) == (.npy, type))
    #expect(stack.info.byteOrder == (name == "big-endian" ? .big : .little))
    #expect(stack.info.metadata["order"] == (["fortran", "four"].contains(name) ? "Fortran" : "C"))
    #expect(stack.info.metadata["shape"] == (name == "four" ? "1 2 10 12" : "2 10 12"))
  }

  @Test func readsOnePageAndTruths() throws {
    try StackFixtures.expect(Self.stack("page"), holds: [StackFixtures.pages()[0]])
    let truths = StackFixtures.pages(plus: 0).map { $0.map { Float(Int($0) % 2) } }
    try StackFixtures.expect(Self.stack("bool"), holds: truths)
  }

  @Test(arguments: ["complex64", "complex128"])
  func readsComplexNumbers(name: String) throws {
    let stack = try Self.stack(name)
    #expect(stack.info.sampleType.rawValue == name)
    try StackFixtures.expectComplex(stack)
  }

  /// Sample (p, q, r, c) of [2, 3, 4, 5] holds 1000 p + 100 q + 10 r + c, in either order; many pages beyond the budget, so
  /// that several walks are needed.
  @Test(
    arguments: [false, true],
    [[2, 3, 4, 5], [1, 1, 7, 3], [6, 1, 1, 9], [5000, 1, 2, 3], [70, 90, 3, 2]])
  func readsAllAxes(fortran: Bool, shape: [Int]) throws {
    let folder = try TemporaryFolder()
    let (P, Q, R, C) = (shape[0], shape[1], shape[2], shape[3])
    func value(_ p: Int, _ q: Int, _ r: Int, _ c: Int) -> Float { Float(1000 * p + 100 * q + 10 * r + c) }
    var samples: [Float] = []
    if fortran {
      for c in 0..<C {
        for r in 0..<R { for q in 0..<Q { for p in 0..<P { samples.append(value(p, q, r, c)) } } }
      }
    } else {
      for p in 0..<P {
        for q in 0..<Q { for r in 0..<R { for c in 0..<C { samples.append(value(p, q, r, c)) } } }
      }
    }
    let bytes = samples.flatMap { value in withUnsafeBytes(of: value.bitPattern.bigEndian, Array.init) }
    let path = try folder.write(
      Self.file(Self.header(">f4", "(\(P), \(Q), \(R), \(C))", fortran: fortran), bytes), "a.npy")
    let stack = try ImageStack(path: path, memory: 4096)
    #expect((stack.count, stack.info.rows, stack.info.columns) == (P * Q, R, C))
    for page in 0..<P * Q where page % max(1, P * Q / 50) == 0 {
      let (p, q) = page.quotientAndRemainder(dividingBy: Q)
      let expected = (0..<R).flatMap { r in (0..<C).map { value(p, q, r, $0) } }
      #expect(try stack.page(page).samples == expected)
      #expect(try stack.rows(R / 2..<R, ofPage: page).samples == Array(expected[(R / 2 * C)...]))
    }
  }

  @Test func readsPagesFromManyTasks() async throws {
    let stack = try Self.stack("fortran")
    let expected = StackFixtures.pages()
    await withTaskGroup(of: Bool.self) { group in
      for i in 0..<64 {
        group.addTask {
          let rows = i % 9..<10
          return (try? stack.rows(rows, ofPage: i % 2).samples) == Array(expected[i % 2][(12 * (i % 9))...])
        }
      }
      for await isRight in group { #expect(isRight) }
    }
  }

  @Test func refusesWhatIsNoStack() throws {
    func found(_ name: String) -> String? {
      guard
        case .unsupported(_, _, let found, _) = TIFFPageSourceTests.stackError({ _ = try Self.stack(name) })
      else { return nil }
      return found
    }
    #expect(found("one-axis") == "an array of one axis")
    #expect(found("number") == "a single number")
    #expect(found("int64") == "samples of type '<i8'")
    #expect(found("records") == "records")
    let text = TIFFPageSourceTests.stackError { _ = try Self.stack("one-axis") }?.description ?? ""
    #expect(text.contains("array.reshape(rows, columns)"))
  }

  @Test(arguments: [
    "", "{}", "{'descr': '<f4'}", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)",
    "{'descr': '<f4', 'fortran_order': 0, 'shape': (2, 2)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, -2)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), 'more': True}",
    "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 99999999999999999999999)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2)} or 1",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 4294967296)}",
    "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 3)}",
  ])
  func reportsDamagedHeaders(header: String) throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(Self.file(header, [UInt8](repeating: 0, count: 16)), "a.npy")
    let error = TIFFPageSourceTests.stackError { _ = try ImageStack(path: path) }
    guard case .damaged(path, "NumPy", _) = error else {
      Issue.record("\(header): \(String(describing: error))")
      return
    }
  }

  @Test func refusesPagesBeyondItsMemoryAndEmptyArrays() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write(
      Self.file(Self.header("|u1", "(4, 16)"), [UInt8](repeating: 7, count: 64)), "a.npy")
    #expect(try ImageStack(path: path, memory: 256).page(0).samples == [Float](repeating: 7, count: 64))
    guard case .unsupported = TIFFPageSourceTests.stackError({ _ = try ImageStack(path: path, memory: 255) })
    else {
      Issue.record("a page of 256 bytes was accepted")
      return
    }
    let empty = try folder.write(Self.file(Self.header("|u1", "(0, 16)"), []), "b.npy")
    guard case .unsupported = TIFFPageSourceTests.stackError({ _ = try ImageStack(path: empty) }) else {
      Issue.record("an empty array was accepted")
      return
    }
  }

  @Test func namesTheFirstValueThatIsNotFinite() throws {
    let folder = try TemporaryFolder()
    var bytes = [UInt8](repeating: 0, count: 48)
    bytes.replaceSubrange(32..<36, with: [0, 0, 0x80, 0x7f])
    let path = try folder.write(Self.file(Self.header("<f4", "(2, 2, 3)"), bytes), "a.npy")
    #expect(
      TIFFPageSourceTests.stackError { _ = try ImageStack(path: path).page(1) }
        == .notFinite(path: path, page: 1, row: 0, column: 2, value: "an infinite value"))
  }
}

@Suite struct NPYMutationTests {
  static let names = ["c", "fortran", "complex64", "four", "version3", "big-endian"]

  @Test(.timeLimit(.minutes(60)), arguments: names) func survivesDamagedFiles(name: String) throws {
    let (opened, read) = try StackFixtures.damage(
      "NumPy", ["a.npy": StackFixtures.bytes("\(name).npy")], opened: "a.npy", parts: Self.names.count)
    #expect(opened > 50 && read > opened)
  }
}
