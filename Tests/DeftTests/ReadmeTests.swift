import Foundation
import TestSupport
import Testing

@Suite struct ReadmeTests {
  /// Every command in the code blocks, in an empty folder: files are missing there, but no usage is wrong.
  @Test func showsCommandsThatExist() throws {
    let text = try String(contentsOfFile: packageFolder + "/README.md", encoding: .utf8)
    let blocks = text.components(separatedBy: "```").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
    let lines = blocks.filter { $0.hasPrefix("sh\n") }
      .flatMap { $0.replacingOccurrences(of: "\\\n", with: " ").split(separator: "\n") }
    let commands = lines.map { $0.split(separator: " ").map(String.init) }.filter { $0.first == "deft" }
    #expect(commands.count >= 5)
    for command in commands {
      // Small numbers, so that what needs no file ends soon.
      let arguments = command.dropFirst().map { Int($0).map { "\(min($0, 4))" } ?? $0 }
      let outcome = try Program().start(arguments)()
      #expect(
        outcome.status == 0 || outcome.status == 1 && outcome.errors.contains("Error: cannot "),
        "\(command.joined(separator: " ")): \(outcome.errors)")
      for path in arguments where path.hasPrefix("pipelines/") || path.hasPrefix("phantoms/") {
        #expect(exists("\(packageFolder)/\(path)"), "\(path)")
      }
    }
  }
}
