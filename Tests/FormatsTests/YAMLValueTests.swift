import Formats
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
}
