import ArgumentParser
import Formats
import Foundation
import Operators
import Pipeline

struct VerifyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Measure the operators: adjointness, norm, accuracy and time.",
    discussion: """
      Adjoint error: |⟨Ax,y⟩ − ⟨x,Aᴴy⟩| / (‖Ax‖‖y‖/√n) of random vectors. Error: relative distance of A x from the \
      line integrals of the Shepp–Logan phantom in closed form; of the Fourier operators (nufft and toeplitz along \
      golden-angle spokes, nufft3d in a volume an eighth as wide) that of white noise from sums in double precision; of four \
      coils (cartesian, sense at one sample in four, radialSense along golden-angle spokes) from the k-space of the phantom \
      in closed form. toeplitz and toeplitzSense are AᴴA by convolution, their error that against a more accurate A. Times: \
      medians after a warm-up. The exit code is 1 when an operator breaks a promise.

      FFTs are planned by estimates, the same in every run. With --make-wisdom their plans are measured and written to a \
      file, which --wisdom and the key 'wisdom' of a pipeline read; results may then differ in the last bits.

      deft verify --size 512 --angles 180 --json
      """)

  @Option(help: "Pixels along each side of the image.")
  var size = 512

  @Option(help: "Views, over 180° of a parallel beam and 360° of a fan.")
  var angles = 180

  @Option(
    name: .customLong("operator"),
    help:
      "radon, rays, fan, nufft, nufft3d, toeplitz, cartesian, sense, radialSense and toeplitzSense, or some of them: radon,rays.",
    transform: { text in
      try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
        guard let kind = OperatorVerification.Kind(rawValue: String(word)) else {
          throw ValidationError(
            "unknown operator '\(word)'; known are "
              + OperatorVerification.Kind.allCases.map(\.rawValue).joined(separator: ", ") + ".")
        }
        return kind
      }
    })
  var operators: [OperatorVerification.Kind] = OperatorVerification.Kind.allCases

  @OptionGroup var parallel: ThreadCount

  @Option(help: "Applications of which the median time is taken.")
  var runs = 5

  @Option(help: "Use the plans in this file.")
  var wisdom: String?

  @Option(help: "Measure plans, together with those of --wisdom, and write them to this file.")
  var makeWisdom: String?

  @Flag(help: "Print JSON.")
  var json = false

  func validate() throws {
    try expect(size, in: 2...16384, of: "--size")
    try expect(angles, in: 1...100_000, of: "--angles")
    try expect(runs, in: 1...10_000, of: "--runs")
  }

  func run() async throws {
    try await interruptible(left: { nil }) { _ in
      let verification = try OperatorVerification(
        size: size, angles: angles, threads: parallel.threads, runs: runs)
      if let wisdom { try FourierWisdom.read(contentsOf: wisdom) }
      func measure() throws -> OperatorVerification.Report {
        try verification.measure(operators) { line in
          try Task.checkCancellation()
          Console.line(line)
        }
      }
      let report = try makeWisdom == nil ? measure() : FourierWisdom.measuring(measure)
      if let makeWisdom { try writeFile(Data(try FourierWisdom.text().utf8), to: makeWisdom) }
      try Console.output(json ? try encoded(report) : text(report))
      for row in report.rows where !row.passes {
        Console.line("the operator '\(row.operator.rawValue)' breaks a promise; see the errors above")
      }
      guard report.rows.allSatisfy(\.passes) else { throw ExitCode.failure }
    }
  }

  private func text(_ report: OperatorVerification.Report) -> String {
    let head =
      "\(size) × \(size), \(angles) angles, \(counted(parallel.threads, "thread"))"
    func seconds(_ value: Double) -> String { String(format: "%.4f s", value) }
    func error(_ value: Double) -> String { String(format: "%.1e", value) }
    let lines: [(String, (OperatorVerification.Row) -> String)] = [
      ("operator", { $0.operator.rawValue }),
      ("bins", { "\($0.bins)" }),
      ("coils", { $0.coils.map(String.init) ?? "–" }),
      ("forward", { seconds($0.forward) }),
      ("adjoint", { seconds($0.adjoint) }),
      ("filtered back-projection", { $0.fbp.map(seconds) ?? "–" }),
      ("planning", { seconds($0.planning) }),
      ("adjoint error", { error($0.adjointError) }),
      ("adjoint ratio − 1", { error($0.adjointRatio - 1) }),
      ("linearity", { error($0.linearityError) }),
      ("linearity of the adjoint", { error($0.adjointLinearityError) }),
      ("AᴴA", { error($0.normalError) }),
      ("norm", { String(format: $0.operator.isTomography ? "%.6g mm" : "%.6g", $0.norm) }),
      ("error against closed form", { String(format: "%.4f %%", 100 * $0.error) }),
      ("promises", { $0.passes ? "kept" : "broken" }),
    ]
    // As many operators beside each other as a terminal has room for.
    let width = 5
    let tables = stride(from: 0, to: report.rows.count, by: width).map { first in
      lines.map { name, value in
        name + String(repeating: " ", count: 28 - name.count)
          + report.rows[first..<min(first + width, report.rows.count)].map { row in
            let text = value(row)
            return String(repeating: " ", count: max(0, 14 - text.count)) + text
          }.joined()
      }.joined(separator: "\n")
    }
    let pairs = report.pairs.map { pair in
      String(
        format: "%@ against %@: forward %.4f %%, adjoint %.4f %% apart", pair.operators[0].rawValue,
        pair.operators[1].rawValue, 100 * pair.forwardDifference, 100 * pair.adjointDifference)
    }
    return ([head, tables.joined(separator: "\n\n")] + pairs).joined(separator: "\n")
  }
}
