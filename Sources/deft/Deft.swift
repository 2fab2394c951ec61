import ArgumentParser
import Formats

/// The version that reports and manifests state.
let deftVersion = "0.1.0"

@main
enum Program {
  static func main() async {
    keepFreedMemory()
    await Deft.main()
  }
}

struct Deft: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "deft",
    abstract: "Reconstructs sparse measurements with a diffusion prior, and checks every slice against them.",
    discussion: "Research software: not for diagnostic use.",
    version: deftVersion,
    subcommands: [
      RunCommand.self, PlanCommand.self, SubmitCommand.self, MergeCommand.self, PhantomCommand.self,
      SimulateCommand.self, CompareCommand.self, Train.self, SampleCommand.self, VerifyCommand.self,
      InfoCommand.self, ConvertCommand.self, AxisCommand.self,
    ])
}
