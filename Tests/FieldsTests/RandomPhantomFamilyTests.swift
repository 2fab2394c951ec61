import Fields
import Testing

@Suite struct RandomPhantomFamilyTests {
  static func family(organs: ClosedRange<Double> = 0.3...0.4) throws -> RandomPhantomFamily {
    try RandomPhantomFamily(
      name: "test", unit: .perMillimetre, fieldOfView: 100,
      body: .init(
        name: "body", size: 30...40, aspect: 1...1.5, radius: 0...0.05, value: 0.1...0.2,
        core: .init(scale: 0.8...0.9, value: 0.2...0.3)),
      layers: [
        .init(
          name: "organ", figures: [.ellipse, .rectangle, .polygon], count: 1...9, size: 2...8,
          aspect: 0.5...2,
          radius: 0...0.7, value: organs),
        .init(
          name: "rib", count: 3...3, size: 2...3, aspect: 2...4, direction: .degrees(-60) ... .degrees(60),
          radius: 0.9...0.95, followsOutline: true, mirrored: true, value: 0.9...1,
          core: .init(scale: 0.5...0.6, value: 0.5...0.6)),
        .init(
          name: "table", figures: [.rectangle], probability: 0.5, size: 6...8, scalesWithBody: false,
          beneath: true, value: 0.05...0.06),
      ])
  }

  @Test func aSeedIsAPhantom() throws {
    let family = try Self.family()
    #expect(try family.phantom(seed: 3) == family.phantom(seed: 3))
    #expect(try family.phantom(seed: 3) != family.phantom(seed: 4))
  }

  /// Layers do not disturb each other: with other organs, the ribs stay what they were.
  @Test func everyLayerHasItsOwnStream() throws {
    let (a, b) = (try Self.family().phantom(seed: 5), try Self.family(organs: 0.6...0.7).phantom(seed: 5))
    #expect(a != b)
    #expect(a.parts.filter { $0.name != "organ" } == b.parts.filter { $0.name != "organ" })
  }

  @Test func equalLayersDrawDifferentParts() throws {
    let layer = RandomPhantomFamily.Layer(name: "organ", size: 2...8, value: 1...2)
    let family = try RandomPhantomFamily(
      name: "test", unit: .arbitrary, fieldOfView: 100,
      body: .init(name: "body", size: 30...40, value: 0...1),
      layers: [layer, layer])
    let parts = try family.phantom(seed: 1).parts
    #expect(parts.count == 3 && parts[1].centre != parts[2].centre && parts[1].value != parts[2].value)
  }

  @Test func staysInItsRanges() throws {
    let family = try Self.family()
    var tables = 0
    for seed in 0..<200 as Range<UInt64> {
      let parts = try family.phantom(seed: seed).parts
      let organs = parts.filter { $0.name == "organ" }
      #expect((1...9).contains(organs.count))
      #expect(organs.allSatisfy { (0.3...0.4).contains($0.value) && $0.blend == .replacing })
      let ribs = parts.filter { $0.name == "rib" }
      #expect(ribs.count == 6 && parts.filter { $0.name == "rib, core" }.count == 6)
      if let table = parts.firstIndex(where: { $0.name == "table" }) {
        tables += 1
        #expect(table == 0 && parts[1].name == "body")
      }
    }
    // 200 throws of a coin: within four standard deviations.
    #expect((72...128).contains(tables))
  }

  /// A rib and its twin lie on both sides of the axis of the body, at its outline.
  @Test func twinsAreMirrored() throws {
    let parts = try Self.family().phantom(seed: 9).parts
    let core = try #require(parts.first { $0.name == "body, core" })
    let ribs = parts.filter { $0.name == "rib" }
    let along = SIMD2(core.rotation.cosine, core.rotation.sine)
    let across = SIMD2(-along.y, along.x)
    for (rib, twin) in zip(ribs[0...], ribs[1...]) where rib.value == twin.value {
      let (a, b) = (rib.centre - core.centre, twin.centre - core.centre)
      #expect(abs((a * along).sum() + (b * along).sum()) < 1e-9)
      #expect(abs((a * across).sum() - (b * across).sum()) < 1e-9)
      let turn = (rib.rotation.radians + twin.rotation.radians - 2 * core.rotation.radians) / .pi
      #expect(abs(turn - turn.rounded()) < 1e-9)
    }
  }

  @Test func refusesRangesThatCannotBeDrawnFrom() {
    let error = #expect(throws: PhantomError.self) {
      try RandomPhantomFamily(
        name: "test", unit: .arbitrary, fieldOfView: 100,
        body: .init(name: "body", size: 30...40, value: 1...1),
        layers: [.init(name: "organ", probability: 1.5, size: 1...2, value: 1...1)])
    }
    #expect(error?.description == "layer 'organ': the probability is 1.5, expected a number from 0 to 1.")
  }
}
