import Foundation

/// Where a path leads: absolute, without links, `.` and `..`. What is not there yet keeps its name.
///
/// Two paths of one place are the same file, now or once it is written.
package func filePlace(_ path: String) -> String {
  let current = FileManager.default.currentDirectoryPath
  // Empty where the working folder has been deleted.
  guard path.hasPrefix("/") || !current.isEmpty else { return path }
  let whole = path.hasPrefix("/") ? path : "\(current)/\(path)"
  var left = Array(whole.split(separator: "/").reversed())
  var place = ""
  // As many as the kernel follows.
  var links = 40
  while let part = left.popLast() {
    switch part {
    case ".": continue
    case "..": place = String(place[..<(place.lastIndex(of: "/") ?? place.startIndex)])
    default:
      let next = "\(place)/\(part)"
      if links > 0, let target = try? FileManager.default.destinationOfSymbolicLink(atPath: next) {
        links -= 1
        if target.hasPrefix("/") { place = "" }
        left += target.split(separator: "/").reversed()
      } else {
        place = next
      }
    }
  }
  return place.isEmpty ? "/" : place
}
