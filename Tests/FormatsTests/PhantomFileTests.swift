import Fields
import Formats
import Foundation
import Testing

@Suite struct PhantomFileTests {
  static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .appendingPathComponent("../../phantoms").standardizedFileURL

  static func path(_ name: String) -> String { folder.appendingPathComponent("\(name).yaml").path }

  private func message(_ text: String) -> String {
    do {
      _ = try PhantomFile.parse(text, file: "test.yaml")
      return "no error"
    } catch {
      return error.description
    }
  }

  private func parse(_ text: String) throws -> Phantom {
    guard case .phantom(let phantom) = try PhantomFile.parse(text, file: "test.yaml") else {
      throw YAMLError.cannotRead(file: "test.yaml", reason: "it is a family")
    }
    return phantom
  }

  @Test(arguments: [("shepp-logan", 10), ("thorax", 204), ("resolution", 66)])
  func theShippedPhantomsLoad(name: String, parts: Int) throws {
    let phantom = try PhantomFile.phantom(Self.path(name))
    #expect(phantom.parts.count == parts)
    // All of it lies in the circle that a scan of its field of view sees.
    let slices = phantom.zRange == 0...0 ? [0] : phantom.heights(count: 12)
    for z in slices {
      let slice = phantom.slice(z: z)
      for angle in Angle.even(36) {
        for rim in [-0.5, 0.5] {
          #expect(slice.lineIntegral(angle: angle, offset: rim * phantom.fieldOfView) == 0)
        }
      }
    }
  }

  @Test func theThoraxChangesAlongItsLength() throws {
    let thorax = try PhantomFile.phantom(Self.path("thorax"))
    #expect(thorax.unit == .perMillimetre)
    let grid = thorax.grid(size: 64)
    let images = thorax.heights(count: 8).map { thorax.image(on: grid, z: $0) }
    for (a, b) in zip(images, images.dropFirst()) {
      let change = zip(a.samples, b.samples).map { abs($0 - $1) }.max() ?? 0
      #expect(change > 0.002)
    }
    for image in images {
      // Air outside, bone at most 900 HU.
      #expect(image[0, 0] == 0)
      #expect((image.samples.min() ?? -1) >= 0 && (image.samples.max() ?? 1) < 0.02 * 1.9)
    }
    // The heart is on the left of the patient, which is on the right of the picture; the liver opposite.
    let middle = thorax.slice(z: -20)
    #expect(abs(middle.value(at: SIMD2(48, 16)) - 0.02 * 1.23) < 1e-12)
    #expect(abs(thorax.slice(z: -50).value(at: SIMD2(-100, 20)) - 0.02 * 1.115) < 1e-12)
  }

  @Test func sheppLoganHasItsKnownValues() throws {
    let slice = try PhantomFile.phantom(Self.path("shepp-logan")).slice()
    let expected = [
      (SIMD2(0.0, 90.0), 1.0), (SIMD2(0, 75), 0.2), (SIMD2(0, 40), 0.3), (SIMD2(22, 0), 0),
      (SIMD2(-22, 0), 0),
      (SIMD2(0, -60.6), 0.3), (SIMD2(0, 99), 0),
    ]
    for (point, value) in expected { #expect(abs(slice.value(at: point) - value) < 1e-12) }
  }

  /// Bars and discs are nested in water, so k-space has a closed form.
  @Test func theResolutionPhantomHasAKSpace() throws {
    let phantom = try PhantomFile.phantom(Self.path("resolution"))
    _ = try phantom.kSpace(on: phantom.grid(size: 8))
  }

  @Test func theRandomFamilyLoadsAndDraws() throws {
    let family = try PhantomFile.family(Self.path("random-ct"))
    #expect(family.layers.count == 22)
    for seed in 0..<20 as Range<UInt64> {
      let phantom = try family.phantom(seed: seed)
      #expect(phantom.parts.count > 60)
      let image = phantom.image(on: phantom.grid(size: 48))
      // From air to dense bone, with a few HU of texture around it.
      #expect((image.samples.min() ?? -1) > -0.005 && (image.samples.max() ?? 1) < 0.02 * 2.5)
      let edge = (0..<48).flatMap { [image[0, $0], image[47, $0], image[$0, 0], image[$0, 47]] }
      #expect(edge.allSatisfy { $0 == 0 })
    }
  }

  @Test func readsEveryKey() throws {
    let phantom = try parse(
      """
      name: all
      unit: HU
      water: 0.03
      fieldOfView: 100
      z: [-5, 5]
      blend: replacing
      parts:
        - {name: body, ellipse: [40, 30], value: 0}
        - {name: rod, rectangle: [2, 3], centre: [10, 1], rotation: 30, value: 500, blend: additive, z: [-4, 4],
           drift: [1, 0], bend: [0, 0.1], turn: 2, taper: 0.1, mirrored: true}
        - {name: ball, polygon: [[0, 0], [4, 0], [0, 4]], value: -500, ellipsoid: {centre: 1, halfAxis: 2}}
        - {name: bars, bars: {count: 2, width: 1, length: 5}, value: 1000}
      """)
    #expect(phantom.unit == .perMillimetre && phantom.zRange == -5...5 && phantom.fieldOfView == 100)
    #expect(
      phantom.parts.map(\.name) == ["body", "rod", "rod, mirrored", "ball", "bars, bar 1", "bars, bar 2"])
    #expect(phantom.parts.map(\.value) == [0.03, 0.015, 0.015, 0.015, 0.06, 0.06])
    #expect(phantom.parts[1].extent == .range(-4...4) && phantom.parts[1].blend == .additive)
    #expect(phantom.parts[2].centre == SIMD2(-10, 1) && phantom.parts[2].drift == SIMD2(-1, 0))
    #expect(phantom.parts[2].turn == .degrees(-2) && phantom.parts[2].rotation == .degrees(-30))
    #expect(phantom.parts[3].extent == .ellipsoid(centre: 1, halfAxis: 2))
    #expect(phantom.parts[4].centre.x == -1 && phantom.parts[5].centre.x == 1)
  }

  @Test func writesWhatItReads() throws {
    for name in ["shepp-logan", "resolution", "thorax"] {
      let phantom = try PhantomFile.phantom(Self.path(name))
      let copy = try parse(PhantomFile.text(of: phantom))
      #expect(copy.parts.count == phantom.parts.count)
      let grid = phantom.grid(size: 32)
      // Only angles are rounded on their way through degrees.
      for (a, b) in zip(phantom.image(on: grid, z: 3).samples, copy.image(on: grid, z: 3).samples) {
        #expect(abs(a - b) < 1e-6)
      }
    }
    let odd = try Phantom(
      name: "a \"quoted\" \\ name: # µ\n", fieldOfView: 10,
      parts: [PhantomPart(.ellipse(halfAxes: SIMD2(1, 1e-5)), value: -1e-20)])
    #expect(try parse(PhantomFile.text(of: odd)) == odd)
  }

  private static let head = "name: t\nunit: 1/mm\nfieldOfView: 10\nparts:\n"

  @Test(arguments: [
    (
      "  - {name: a, elipse: [1, 1], value: 1}",
      "line 5, column 15: unknown key 'elipse' in item 1 of 'parts'. Did you mean 'ellipse'?"
    ),
    (
      "  - {name: a, value: 1}",
      "line 5, column 5: item 1 of 'parts' needs one of the keys ellipse, rectangle, polygon, bars."
    ),
    (
      "  - {ellipse: [1, 1], rectangle: [1, 1], value: 1}",
      "line 5, column 34: item 1 of 'parts' has both 'ellipse' and 'rectangle'. Keep one of them."
    ),
    (
      "  - {ellipse: [1, 0], value: 1}",
      "line 5, column 19: item 2 of 'ellipse' is 0, expected a number above 0."
    ),
    (
      "  - {ellipse: [1, 1]}", "line 5, column 5: item 1 of 'parts' lacks the key 'value' (a number). Add it."
    ),
    (
      "  - {ellipse: [1, 1], value: 1, colour: red}",
      "line 5, column 33: unknown key 'colour' in item 1 of 'parts'. Known here: name, blend, value, centre, rotation, z, ellipsoid, drift, bend, turn, taper, mirrored, ellipse, rectangle, polygon, bars."
    ),
    (
      "  - {ellipse: [1, 1], value: 1, blend: replace}",
      "line 5, column 40: 'blend' is the text 'replace', expected one of additive, replacing (perhaps 'replacing')."
    ),
    (
      "  - {name: a, polygon: [[0, 0], [4, 0], [1, 1], [0, 4]], value: 1}",
      "line 5, column 5: 'a': the polygon is not convex. Split it into convex parts that share their edges."
    ),
    (
      "  - {ellipse: [1, 1], value: 1, z: [3, 1]}",
      "line 5, column 36: 'z' runs from 3.0 down to 1.0. Put the smaller number first."
    ),
    (
      "  - {ellipse: [1, 1], value: 1, z: [0, 1], ellipsoid: {halfAxis: 1}}",
      "line 5, column 55: item 1 of 'parts' has both 'z' and 'ellipsoid'. Keep one of them."
    ),
    (
      "  - {bars: {count: 2, width: 1, length: 1}, value: 1, drift: [1, 0]}",
      "line 5, column 12: bars do not change along z. Remove 'drift', 'bend', 'turn' and 'taper', or give single rectangles."
    ),
  ])
  func saysWhereAPartIsWrong(part: String, expected: String) {
    #expect(message(Self.head + part + "\n") == "'test.yaml', " + expected)
  }

  @Test func saysWhereTheRestIsWrong() {
    #expect(
      message("name: t\nunit: 1/mm\nwater: 0.02\nfieldOfView: 10\nparts: []\n")
        == "'test.yaml', line 3, column 1: unknown key 'water' in the file. Known here: name, unit, fieldOfView, z, blend, parts."
    )
    #expect(
      message("name: t\nunit: mm\nfieldOfView: 10\nparts: []\n")
        == "'test.yaml', line 2, column 7: 'unit' is the text 'mm', expected one of HU, 1/mm, none.")
    #expect(
      message(
        "name: t\nunit: none\nfieldOfView: 10\nbody: {size: 3, value: 1}\nlayers: [{name: a, size: [2, 1], value: 1}]\n"
      )
        == "'test.yaml', line 5, column 26: 'size' runs from 2.0 down to 1.0. Put the smaller number first.")
    #expect(
      message(
        "name: t\nunit: none\nfieldOfView: 10\nbody: {size: 3, value: 1}\nlayers: [{name: a, size: 1, value: 1, core: {scale: 1, value: 2}}]\n"
      )
        == "'test.yaml', line 1, column 1: layer 'a': the scale of the core is 1.0...1.0, expected between 0 and 1."
    )
  }

  @Test func saysWhenAFileIsOfTheOtherKind() {
    let (thorax, family) = (Self.path("thorax"), Self.path("random-ct"))
    #expect(throws: YAMLError.self) { try PhantomFile.phantom(family) }
    #expect(throws: YAMLError.self) { try PhantomFile.family(thorax) }
  }

  /// A line of 40 bytes stands for 10,000 parts.
  @Test func refusesMorePartsThanAreMeant() {
    let head = "name: a\nunit: none\nfieldOfView: 10\n"
    let bars = "  - {value: 1, bars: {count: 10000, width: 1, length: 1}}\n"
    #expect(message(head + "parts:\n" + String(repeating: bars, count: 10)) == "no error")
    #expect(
      message(head + "parts:\n" + String(repeating: bars, count: 1000))
        == "'test.yaml', line 15, column 5: with item 11 of 'parts' the phantom has more than 100000 parts. Use fewer."
    )
    let layer = "  - {name: l, size: 1, value: 0, count: [0, 10000]}\n"
    let family = head + "body: {size: 1, value: 0}\nlayers:\n"
    #expect(message(family + String(repeating: layer, count: 10)) == "no error")
    #expect(
      message(family + String(repeating: layer, count: 11)).contains("line 16, column 5: with item 11 of"))
  }
}
