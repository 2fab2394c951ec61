/// A plane angle. Degrees in files and on the command line, this type inside.
public struct Angle: Hashable, Sendable, Comparable, CustomStringConvertible {
  public let radians: Double

  public static func radians(_ value: Double) -> Angle { Angle(radians: value) }
  public static func degrees(_ value: Double) -> Angle { Angle(radians: value * .pi / 180) }

  public var degrees: Double { radians * 180 / .pi }
  public var description: String { "\(degrees)°" }

  public static func < (a: Angle, b: Angle) -> Bool { a.radians < b.radians }

  /// `count` angles from 0, evenly spaced over `range`, without the end point.
  public static func even(_ count: Int, over range: Angle = .degrees(180), from start: Angle = .degrees(0))
    -> [Angle]
  {
    (0..<count).map { .radians(start.radians + range.radians * Double($0) / Double(count)) }
  }
}
