import ArgumentParser
import Diffusion

@main
struct Deft: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "deft",
    abstract: "Reconstructs sparse measurements with a diffusion prior, and checks every slice against them.",
    discussion: "Research software: not for diagnostic use.",
    version: "0.1.0",
    subcommands: [Train.self, CompareCommand.self])
}
