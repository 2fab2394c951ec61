import Formats
import Foundation
import TestSupport
import Testing

/// The wording matters: it is all that the author of a file sees.
@Suite struct YAMLValueTests {
  private func message<T>(_ text: String, _ body: (YAMLMapping) throws(YAMLError) -> T) -> String {
    do {
      _ = try YAMLValue.parse(text, file: "scan.yaml").mapping(body)
      return "no error"
    } catch {
      return error.description
    }
  }

  @Test func saysWhatToGiveInsteadOfAMissingFile() {
    #expect(throws: YAMLError.cannotRead(file: "none.yaml", reason: "no such file")) {
      try YAMLValue.read(file: "none.yaml")
    }
    #expect(
      "\(YAMLError.cannotRead(file: "none.yaml", reason: "no such file"))"
        == "cannot read 'none.yaml': no such file. Give the path of a YAML file in UTF-8.")
  }

  @Test func readsWhatIsThere() throws {
    let text = """
      name: thorax   # a comment
      size: 256
      spacing: 1.5e0
      axis: [-1, +2.5]
      full: false
      note: "60"
      nested: {word: no}
      """
    try YAMLValue.parse(text, file: "scan.yaml").mapping { root throws(YAMLError) in
      #expect(try root.text("name") == "thorax")
      #expect(try root.integer("size", .positive) == 256)
      #expect(try root.number("spacing") == 1.5)
      #expect(try root.numbers("axis", count: 2) == [-1, 2.5])
      #expect(try root.boolean("full") == false)
      #expect(try root.text("note") == "60")
      #expect(try root.mapping("nested") { nested throws(YAMLError) in try nested.text("word") } == "no")
      #expect(try root.number("absent", default: 7) == 7)
      #expect(root.optional("none") == nil)
    }
  }

  @Test func namesAnUnknownKeyAndItsNearestNeighbour() {
    let angels = message("size: 3\nangels: 60\n") { root throws(YAMLError) in
      _ = try root.integer("size")
      _ = try root.integer("angles", default: 1)
    }
    #expect(
      angels == "'scan.yaml', line 2, column 1: unknown key 'angels' in the file. Did you mean 'angles'?")
    let far = message("size: 3\ncolour: red\n") { root throws(YAMLError) in
      _ = try root.integer("size")
      _ = try root.integer("angles", default: 1)
    }
    #expect(
      far == "'scan.yaml', line 2, column 1: unknown key 'colour' in the file. Known here: size, angles.")
  }

  @Test func blamesTheMisspeltKeyRatherThanTheMissingOne() {
    let found = message("parts:\n  - {centr: [0, 0]}\n") { root throws(YAMLError) in
      try root.list("parts") { part throws(YAMLError) in
        try part.mapping { part throws(YAMLError) in try part.numbers("centre", count: 2) }
      }
    }
    #expect(
      found
        == "'scan.yaml', line 2, column 6: unknown key 'centr' in item 1 of 'parts'. Did you mean 'centre'?")
  }

  @Test func namesAMissingKeyAndWhatItHolds() {
    let found = message("geometry:\n  bins: 3\n") { root throws(YAMLError) in
      try root.mapping("geometry") { geometry throws(YAMLError) in
        _ = try geometry.integer("bins")
        _ = try geometry.number("spacing", .positive)
      }
    }
    #expect(
      found == "'scan.yaml', line 2, column 3: 'geometry' lacks the key 'spacing' (a number above 0). Add it."
    )
  }

  @Test(arguments: [
    ("a: '5'", "column 4: 'a' is the text '5', expected a number above 0."),
    ("a: -1", "column 4: 'a' is -1, expected a number above 0."),
    ("a: yes", "column 4: 'a' is the text 'yes', expected a number above 0."),
    ("a: .nan", "column 4: 'a' is the text '.nan', expected a number above 0."),
    ("a: 1e999", "column 4: 'a' is the text '1e999', expected a number above 0."),
    ("a: [1, 2]", "column 4: 'a' is a list of 2, expected a number above 0."),
    ("a: {b: 1}", "column 4: 'a' is keys with values, expected a number above 0."),
    ("a:", "column 3: 'a' is without a value, expected a number above 0."),
  ])
  func saysWhatStandsWhereANumberBelongs(text: String, expected: String) {
    let found = message(text) { root throws(YAMLError) in try root.number("a", .positive) }
    #expect(found == "'scan.yaml', line 1, " + expected)
  }

  @Test func saysWhatStandsWhereSomethingElseBelongs() {
    enum Shape: String, CaseIterable { case ellipse, rectangle }
    let prefix = "'scan.yaml', line 1, column 4: 'a' is "
    #expect(
      message("a: elipse") { root throws(YAMLError) in try root.choice("a", of: Shape.self) }
        == prefix + "the text 'elipse', expected one of ellipse, rectangle (perhaps 'ellipse').")
    #expect(
      message("a: 6.0") { root throws(YAMLError) in try root.integer("a") }
        == prefix + "6.0, expected a whole number.")
    #expect(
      message("a: 5") { root throws(YAMLError) in try root.text("a") }
        == prefix + "5, expected text (put it in quotes).")
    #expect(
      message("a: 1") { root throws(YAMLError) in try root.boolean("a") } == prefix
        + "1, expected true or false.")
    #expect(
      message("a: [1, x]") { root throws(YAMLError) in try root.numbers("a", count: 2) }
        == "'scan.yaml', line 1, column 8: item 2 of 'a' is the text 'x', expected a number.")
    #expect(
      message("a: [1]") { root throws(YAMLError) in try root.numbers("a", count: 2) }
        == prefix + "a list of 1, expected a list of 2.")
    #expect(
      message("a: 2") { root throws(YAMLError) in try root.number("a", .between(0, 1)) }
        == prefix + "2, expected a number from 0 to 1.")
  }

  @Test func placesErrorsOfSyntax() {
    let any: (YAMLMapping) throws(YAMLError) -> Void = { _ throws(YAMLError) in }
    #expect(message("a: [1, 2\nb: 3\n", any).hasPrefix("'scan.yaml', line 2, column 2: this is not YAML: "))
    #expect(message("", any) == "'scan.yaml', line 1, column 1: this is not YAML: there is nothing in it.")
    #expect(message("a: 1\na: 2\n", any).contains("'a' stands more than once"))
    #expect(
      message("a: 1\n---\nb: 2\n", any).contains("line 3, column 1: this is not YAML: a second document"))
    #expect(
      message("- 1\n", any)
        == "'scan.yaml', line 1, column 1: the file is a list of 1, expected keys with values.")
  }

  @Test func namesAFileThatIsNotThere() {
    #expect(throws: YAMLError.cannotRead(file: "/no/such.yaml", reason: "no such file")) {
      try YAMLValue.read(file: "/no/such.yaml")
    }
    #expect(throws: YAMLError.cannotRead(file: "/", reason: "it is not a readable file")) {
      try YAMLValue.read(file: "/")
    }
  }

  // MARK: Limits

  private func time(_ text: String) -> (message: String, duration: Duration) {
    var words = ""
    let duration = ContinuousClock().measure {
      words = message(text) { root throws(YAMLError) in _ = try root.integer("angles", default: 1) }
    }
    return (words, duration)
  }

  /// Every line is the one before it ten times: 10¹² words, as a value and as a key, which is compared word by word.
  @Test(arguments: [false, true]) func refusesAliases(asKey: Bool) {
    var text = "l0: &l0 [a, b, c, d, e, f, g, h, i, j]\n"
    for i in 1..<12 {
      let items = [String](repeating: "*l\(i - 1)", count: 10).joined(separator: ", ")
      text += "l\(i): &l\(i) [\(items)]\n"
    }
    if asKey { text += "? *l11\n: 1\n" }
    let (words, duration) = time(text)
    #expect(
      words
        == "'scan.yaml', line 2, column 10: this is not YAML: an alias ('*') stands here; write what it stands for, or put "
        + "the text in quotes.")
    #expect(duration < .seconds(5))
    // An anchor by itself is harmless, and a star within a text is none.
    #expect(time("angles: &a 3").message == "no error")
    #expect(time("angles: '*a'").message.contains("the text '*a'"))
  }

  @Test(arguments: ["[", "{a: ", "- ", "? ", "[{a: "]) func refusesDeepNesting(opening: String) {
    for depth in [70, 1_500, 500_000] {
      let (words, duration) = time("a:\n  " + String(repeating: opening, count: depth) + "1")
      #expect(words.contains("line 2, column "), "\(words)")
      // libyaml looks ahead by more brackets than it allows.
      #expect(
        words.contains("lists and keys are nested more than 64 deep")
          || depth > 1000 && words.contains("Maximum nesting level"), "\(words)")
      #expect(duration < .seconds(5))
    }
    let flat = String(repeating: "[", count: 60) + String(repeating: "]", count: 60)
    #expect(time("colour: \(flat)").message.contains("unknown key 'colour'"))
  }

  @Test func readsLongLinesInTime() {
    let long = 1_200_000
    for (text, expected) in [
      (String(repeating: "k", count: 1000) + ": 1", "unknown key 'kkkk"),
      (String(repeating: "k", count: long) + ": 1", "mapping values are not allowed"),
      ("? " + String(repeating: "k", count: long) + "\n: 1", "unknown key 'kkkk"),
      ("? " + String(repeating: "1", count: long) + "\n: 1", "unknown key '1111"),
      ("? " + String(repeating: "1_", count: long / 2) + "\n: 1", "unknown key '1_1_"),
      ("angles: " + String(repeating: "9", count: long), "is the text '9999"),
      ("angles: " + String(repeating: "e", count: long), "is the text 'eeee"),
      ("angles: \"" + String(repeating: "\\n", count: long / 2) + "\"", "is the text '"),
      ("angles: x" + String(repeating: "#", count: long), "is the text 'x###"),
      ("angles: 1" + String(repeating: " ", count: long) + "\nb: 1", "unknown key 'b'"),
      (String(repeating: "a: b: ", count: long / 6), "mapping values are not allowed"),
      (String(repeating: "\n", count: long) + "b: 1", "line 1200001, column 1: unknown key 'b'"),
    ] {
      let (words, duration) = time(text)
      #expect(words.contains(expected), "\(words.prefix(300))")
      #expect(words.utf8.count < 1000)
      #expect(duration < .seconds(5), "\(expected)")
    }
  }

  @Test func refusesTooMuch() throws {
    let many = String(repeating: "- 1\n", count: 400_001)
    #expect(
      time(many).message
        == "'scan.yaml', line 399999, column 3: this is not YAML: it holds more than the 400000 values that are read."
    )
    let long = time("a: " + String(repeating: "x", count: 4 << 20))
    #expect(long.message.contains("cannot read 'scan.yaml': it is longer than the 4 MiB that are read."))
    #expect(
      throws: YAMLError.cannotRead(file: "/dev/zero", reason: "it is longer than the 4 MiB that are read")
    ) { try YAMLValue.read(file: "/dev/zero") }
  }

  /// It would stand in messages.
  @Test func refusesNamesOfAnyLength() {
    for (length, isRight) in [(4096, true), (4097, false), (300_000, false)] {
      let found = message("a: " + String(repeating: "x", count: length)) { root throws(YAMLError) in
        _ = try root.text("a")
      }
      let short = String(repeating: "x", count: 40)
      #expect(
        found
          == (isRight
            ? "no error"
            : "'scan.yaml', line 1, column 4: 'a' is the text '\(short)…', expected text of at most 4096 bytes.")
      )
    }
  }

  @Test func namesSomeOfManyRepeatedKeys() {
    let long = "? " + String(repeating: "k", count: 10_000) + "\n: 1\n"
    let keys = (0..<1000).map { "key\($0): 1\n" }.joined()
    #expect(message(long + long, { _ throws(YAMLError) in }).utf8.count < 1000)
    #expect(message(keys + keys, { _ throws(YAMLError) in }).utf8.count < 1000)
  }

  @Test func refusesManyDirectives() {
    let lines = (0..<100_000).map { "%TAG !a\($0)! tag:x\n" }.joined()
    let (words, duration) = time(lines + "---\nangles: 1\n")
    #expect(
      words
        == "'scan.yaml', line 17, column 1: this is not YAML: more than 16 directives ('%') stand in it.")
    #expect(duration < .seconds(5))
    // Each of these ends a line for libyaml, too.
    for end in ["\r", "\u{85}", "\u{2028}", "\u{2029}"] {
      let (words, duration) = time(lines.replacing("\n", with: end) + "---\nangles: 1\n")
      #expect(words.contains("more than 16 directives"))
      #expect(duration < .seconds(5))
    }
    #expect(time("%YAML 1.1\n---\nangles: 1\n").message == "no error")
  }

  /// What is no text at all has a place, too.
  @Test func placesCharactersThatAreNone() throws {
    let folder = try TemporaryFolder()
    for (bytes, place) in [
      ([0xff], "line 2, column 4"), ([0xc0, 0x80], "line 2, column 4"),
      ([0xed, 0xa0, 0x80], "line 2, column 4"),
      ([0xc3, 0xa4, 0xf4, 0x90], "line 2, column 5"),
    ] as [([UInt8], String)] {
      let path = try folder.write(Array("a: 1\nb: ".utf8) + bytes, "a.yaml")
      do {
        _ = try YAMLValue.read(file: path)
        Issue.record("\(bytes) was read")
      } catch {
        #expect(
          error.description == "'\(path)', \(place): this is not YAML: a byte stands here that is not UTF-8.")
      }
    }
    for control in ["\0", "\u{1}", "\u{7f}", "\u{fffe}"] {
      let words = time("a: 1\nb: \(control)").message
      #expect(
        words == "'scan.yaml', line 2, column 4: this is not YAML: control characters are not allowed.")
    }
  }
}
