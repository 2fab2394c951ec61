import Dispatch
import Formats
import Foundation
import Synchronization

/// A run as a Slurm job array: every task does a range of slices in a folder of its own, a dependent job joins them.
///
///     OUTPUT/shards/array.sh, merge.sh      what is submitted
///     OUTPUT/shards/1, 2, …                 the folders of the tasks, see ``RunFolder``
///     OUTPUT/shards/array-1.log, merge.log  what they say
///
/// A task that is killed and requeued goes on where it stopped, because its command is the same. The merge begins when all
/// tasks have ended, well or not, and names the slices that are missing; submitting again does those alone, and those without
/// an image where ``retriesFailed`` says so.
public struct SlurmJob: Hashable, Sendable {
  /// The program, the pipeline and the scan, as absolute paths.
  public var program: String
  public var pipeline: String
  public var input: String
  public var output: String
  public var seed: UInt64?
  public var slices: Int
  public var shards: Int
  /// Whether slices without an image are done again.
  public var retriesFailed: Bool
  /// Of one task; nil leaves it to Slurm.
  public var cores: Int?
  /// Further options of `sbatch`, such as `--partition=short`, for the tasks and the merge.
  public var options: [String]

  public init(
    program: String, pipeline: String, input: String, output: String, seed: UInt64? = nil, slices: Int,
    shards: Int, retriesFailed: Bool = false, cores: Int? = nil, options: [String] = []
  ) {
    precondition(slices > 0 && shards > 0, "\(shards) shards of \(slices) slices")
    self.program = program
    self.pipeline = pipeline
    self.input = input
    self.output = output
    self.seed = seed
    self.slices = slices
    self.shards = min(shards, slices)
    self.retriesFailed = retriesFailed
    self.cores = cores
    self.options = options
  }

  private var folder: String { "\(output)/shards" }

  /// The slices of every task, counted from 0; they differ by one slice at most.
  public var ranges: [Range<Int>] {
    (0..<shards).map { $0 * slices / shards..<($0 + 1) * slices / shards }
  }

  /// The two scripts by the names of their files.
  public var scripts: [(name: String, text: String)] {
    let common = ["--input", input] + (seed.map { ["--seed", "\($0)"] } ?? [])
    let threads = "--threads \"${SLURM_CPUS_PER_TASK:-1}\""
    let array = """
      #!/bin/bash
      # One task of the array: its slices, in its folder. Requeued, it goes on where it stopped.
      slices=(\(ranges.map { "\($0.lowerBound + 1)...\($0.upperBound)" }.joined(separator: " ")))
      \(words([program, "run", pipeline] + common)) --slices "${slices[SLURM_ARRAY_TASK_ID - 1]}" \
        --output \(words([folder]))/"$SLURM_ARRAY_TASK_ID" \(threads)\(retriesFailed ? " --retry-failed" : "")
      code=$?
      # 3: done, and some slices failed their verdict, which the merge reports.
      [ "$code" = 3 ] && exit 0
      exit "$code"

      """
    let merge = """
      #!/bin/bash
      exec \(words([program, "merge", pipeline] + (1...shards).map { "\(folder)/\($0)" } + common + ["--output", output])) \
        \(threads)

      """
    return [("array.sh", array), ("merge.sh", merge)]
  }

  /// The call of `sbatch` for the tasks.
  public var array: [String] {
    ["sbatch", "--parsable", "--job-name=deft", "--array=1-\(shards)", "--requeue"]
      + (cores.map { ["--cpus-per-task=\($0)"] } ?? [])
      + ["--open-mode=append", "--output=\(folder)/array-%a.log"] + options + ["\(folder)/array.sh"]
  }

  /// The call of `sbatch` for the merge, after the tasks of a job.
  public func merge(after job: String) -> [String] {
    ["sbatch", "--parsable", "--job-name=deft-merge", "--dependency=afterany:\(job)"]
      + (cores.map { ["--cpus-per-task=\($0)"] } ?? [])
      + ["--open-mode=append", "--output=\(folder)/merge.log"] + options + ["\(folder)/merge.sh"]
  }

  /// What ``submit()`` does, as a person would type it.
  public var text: String {
    let files = scripts.map { "# \(folder)/\($0.name)\n\($0.text)" }.joined(separator: "\n")
    return files
      + "\njob=$(\(words(array)))\n\(words(merge(after: "JOB")).replacingOccurrences(of: "JOB", with: "$job"))"
  }

  /// Writes the scripts and submits both jobs.
  ///
  /// - Returns: the numbers of the jobs.
  /// - Throws: `FileError`, ``SlurmError``.
  public func submit() throws -> (array: String, merge: String) {
    try expectSameShards()
    try makeFolder(folder)
    for script in scripts { try writeFile(Data(script.text.utf8), to: "\(folder)/\(script.name)") }
    let job = try call(array)
    do {
      return (job, try call(merge(after: job)))
    } catch SlurmError.refused(let reason) {
      throw SlurmError.mergeRefused(job: job, reason: reason)
    }
  }

  /// What an earlier array has done can only be used by one that shares the slices in the same way.
  private func expectSameShards() throws {
    let configuration = try? String(contentsOfFile: pipeline, encoding: .utf8)
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
      guard let shard = Int(name),
        let header = try RunJournal.header(of: RunFolder.journal(in: "\(folder)/\(name)"))
      else { continue }
      let expected = (1...shards).contains(shard) ? ranges[shard - 1] : nil
      let isSame = header.identity.slices == expected && header.identity.configuration == configuration
      guard isSame else { throw SlurmError.otherShards("\(folder)/\(name)") }
    }
  }

  /// `--parsable` prints the number of the job, and behind a semicolon the cluster.
  private func call(_ words: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    let (output, errors) = (Pipe(), Pipe())
    process.standardOutput = output
    process.standardError = errors
    try process.run()
    // Both at once: a pipe that nobody reads stops the program when it is full.
    let complaint = Mutex("")
    let reading = DispatchGroup()
    DispatchQueue.global().async(group: reading) {
      let data = errors.fileHandleForReading.readDataToEndOfFile()
      complaint.withLock { $0 = String(decoding: data, as: UTF8.self) }
    }
    let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    reading.wait()
    process.waitUntilExit()
    let reason = complaint.withLock { $0 }
    // `env` ends with 127 where there is no such program.
    guard process.terminationStatus != 127 else { throw SlurmError.absent }
    let job = text.split(whereSeparator: { $0 == ";" || $0.isWhitespace }).first
    guard process.terminationStatus == 0, let job else {
      throw SlurmError.refused(reason.trimmingCharacters(in: .whitespacesAndNewlines))
    }
    return String(job)
  }

  /// The words as one line of a shell.
  private func words(_ words: [String]) -> String {
    words.map { word in
      let isPlain =
        !word.isEmpty && word.allSatisfy { $0.isLetter || $0.isNumber || "/._-=:%+,@".contains($0) }
      return isPlain ? word : "'" + word.replacingOccurrences(of: "'", with: "'\\''") + "'"
    }.joined(separator: " ")
  }
}

/// Why a job cannot be submitted.
public enum SlurmError: Error, Equatable, CustomStringConvertible {
  case absent
  case refused(String)
  /// The array is submitted, and nothing will join its results.
  case mergeRefused(job: String, reason: String)
  /// A folder of a task holds something else than the task would do.
  case otherShards(String)

  public var description: String {
    switch self {
    case .absent:
      "there is no 'sbatch' on the PATH. Submit from a machine of a Slurm cluster, or look at the jobs with --dry-run."
    case .mergeRefused(let job, let reason):
      "sbatch took the tasks as job \(job) and refused the job that joins them: \(reason). Stop them with 'scancel \(job)', or "
        + "join their results yourself with 'deft merge'."
    case .otherShards(let folder):
      "'\(folder)' holds a part of an array with other slices or another pipeline. Give the same --shards and pipeline as "
        + "before, another --output, or remove that folder."
    case .refused(let reason):
      "sbatch refused the job: \(reason). Its options can be given behind '--', such as '-- --partition=short'."
    }
  }
}
