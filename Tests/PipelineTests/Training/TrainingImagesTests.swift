import Diffusion
import Fields
import Formats
import Foundation
import Pipeline
import TestSupport
import Testing

@Suite struct StackImagesTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func stack(
    _ pages: [Image], unit: String? = nil, name: String = "stack.tif"
  ) throws -> String {
    let shape = pages[0].shape
    var writer = try TIFFWriter(
      path: folder(name), rows: shape[0], columns: shape[1], pages: pages.count, unit: unit)
    for page in pages { try writer.append(page) }
    try writer.finish()
    return folder(name)
  }

  /// Every pixel has a value of its own, so that a crop tells where it comes from.
  private static func page(_ base: Float, rows: Int = 6, columns: Int = 8) -> Image {
    Image(shape: [rows, columns], samples: (0..<rows * columns).map { base + Float($0) })
  }

  private func error(_ body: () throws -> StackImages) -> String {
    do {
      _ = try body()
      return "no error"
    } catch {
      return "\(error)"
    }
  }

  /// A draw is a part of one page as it lies or mirrored, in the range to half of 1/32767.
  @Test func drawsPartsOfItsPages() throws {
    let pages = [Self.page(-500), Self.page(200)]
    let images = try StackImages(paths: [stack(pages)], attenuation: AttenuationScale(), minimum: 4)
    #expect(images.count == 2)
    var generator = SplitMix64(seed: 1)
    var seen: Set<[Int]> = []
    for _ in 0..<400 {
      let image = images.draw(rows: 4, columns: 5, using: &generator)
      #expect(image.shape == [4, 5])
      let mirrored = image[0, 0] > image[0, 1]
      let corner = IntensityRange.hounsfield.physical(image)[0, mirrored ? 4 : 0]
      let page = corner < 0 ? 0 : 1
      let place = Int((corner - pages[page][0, 0]).rounded())
      let (top, left) = (place / 8, place % 8)
      seen.insert([page, top, left, mirrored ? 1 : 0])
      for row in 0..<4 {
        for column in 0..<5 {
          let expected = pages[page][top + row, left + (mirrored ? 4 - column : column)] / 1000
          // Rounding to 16 bits, and that of single precision.
          #expect(abs(image[row, column] - expected) < 0.5 / 32767 + 1e-6)
        }
      }
    }
    // Two pages, three rows and four columns to start at, two sides: 48 places, of which 400 draws miss none.
    #expect(seen.count == 48)
    var (first, second) = (SplitMix64(seed: 5), SplitMix64(seed: 5))
    #expect(
      images.draw(rows: 6, columns: 8, using: &first) == images.draw(rows: 6, columns: 8, using: &second))
  }

  /// HU and 1/mm come to the same, whether the file or the training file says so; values are held to the range.
  @Test func readsBothUnits() throws {
    let scale = AttenuationScale()
    let hounsfield = Image(shape: [1, 4], samples: [-1000, 0, 500, 2500])
    let attenuation = scale.attenuation(hounsfield: hounsfield)
    let stored = hounsfield.map { $0 + 1024 } as Image
    let all = try [
      StackImages(paths: [stack([hounsfield])], attenuation: scale, minimum: 1),
      StackImages(paths: [stack([hounsfield], unit: "HU")], attenuation: scale, minimum: 1),
      StackImages(paths: [stack([stored], unit: "HU")], offset: -1024, attenuation: scale, minimum: 1),
      StackImages(paths: [stack([attenuation], unit: "1/mm")], attenuation: scale, minimum: 1),
      StackImages(paths: [stack([attenuation])], unit: .perMillimetre, attenuation: scale, minimum: 1),
    ]
    for images in all {
      var generator = SplitMix64(seed: 1)
      let image = images.draw(rows: 1, columns: 4, using: &generator)
      let expected: [Float] = image[0, 0] < image[0, 3] ? [-1, 0, 0.5, 1] : [1, 0.5, 0, -1]
      // Of 16 bits.
      #expect(zip(image.samples, expected).allSatisfy { abs($0 - $1) < 1 / 32767 }, "\(image.samples)")
    }
  }

  /// What is wrong, where, and what to do.
  @Test func refusesInWords() throws {
    let scale = AttenuationScale()
    let density = try stack([Self.page(0)], unit: "g/cm3")
    #expect(
      error { try StackImages(paths: [density], attenuation: scale, minimum: 1) }.contains(
        "'\(density)' holds values in 'g/cm3', expected HU or 1/mm"))
    let attenuation = try stack([Self.page(0)], unit: "1/mm", name: "attenuation.tif")
    let other = error {
      try StackImages(paths: [attenuation], unit: .hounsfield, attenuation: scale, minimum: 1)
    }
    #expect(other.contains("values are in 1/mm, the training file says HU") && other.contains(attenuation))
    // 0 to 0.05 in a file without a unit is no CT image in HU.
    let silent = try stack([Self.page(0).map { $0 / 1000 }], name: "silent.tif")
    let unit = error { try StackImages(paths: [silent], attenuation: scale, minimum: 1) }
    #expect(unit.contains("from 0.0 to 0.047") && unit.contains("'unit: 1/mm'") && unit.contains(silent))
    let small = error { try StackImages(paths: [attenuation], attenuation: scale, minimum: 7) }
    #expect(small.contains("the pages of '\(attenuation)' are 6 × 8 pixels, but images of 7 × 7"))
    #expect(small.contains("'crop'") && small.contains("'geometry'"))
    #expect(error { try StackImages(paths: [], attenuation: scale, minimum: 1) }.contains("no images"))
  }

  /// The contents are the identity, not the place or the name.
  @Test func isWhatItHolds() throws {
    let scale = AttenuationScale()
    func identity(_ page: Image, name: String, offset: Double = 0) throws -> [NamedValue] {
      try StackImages(paths: [stack([page], name: name)], offset: offset, attenuation: scale, minimum: 1)
        .identity
    }
    let first = try identity(Self.page(0), name: "a.tif")
    #expect(first.count == 1)
    #expect(try identity(Self.page(0), name: "b.tif") == first)
    #expect(try identity(Self.page(1), name: "c.tif") != first)
    #expect(try identity(Self.page(0), name: "d.tif", offset: 1) != first)
    #expect(try identity(Self.page(1), name: "e.tif", offset: -1) == first)
  }
}

@Suite struct PhantomImagesTests {
  private static let family = packageFolder + "/phantoms/random-ct.yaml"

  /// New objects with every draw, the same for a seed, within the range, of any size.
  @Test func drawsNewObjects() throws {
    let images = try PhantomImages(
      PhantomFile.family(Self.family), size: 48, attenuation: AttenuationScale())
    func draw(_ seed: UInt64) -> [Image] {
      var generator = SplitMix64(seed: seed)
      return [(48, 48), (48, 48), (20, 32), (64, 50)].map {
        images.draw(rows: $0.0, columns: $0.1, using: &generator)
      }
    }
    let drawn = draw(1)
    #expect(drawn.map(\.shape) == [[48, 48], [48, 48], [20, 32], [64, 50]])
    #expect(drawn[0] != drawn[1])
    #expect(draw(1) == drawn && draw(2)[0] != drawn[0])
    for image in drawn { #expect(image.samples.allSatisfy { (-1...1).contains($0) }) }
    // A body in air: −1 outside, about 0 inside.
    #expect(drawn[0].samples.contains(-1) && drawn[0].samples.contains { abs($0) < 0.2 })
  }

  @Test func refusesValuesWithoutAUnit() throws {
    let body = RandomPhantomFamily.Layer(name: "body", size: 10...20, value: 1...2)
    let family = try RandomPhantomFamily(
      name: "magnitude", unit: .arbitrary, fieldOfView: 100, body: body, layers: [])
    #expect(throws: SimulationError.noAttenuation(phantom: "magnitude")) {
      try PhantomImages(family, size: 16, attenuation: AttenuationScale())
    }
  }

  @Test func isItsFamily() throws {
    let family = try PhantomFile.family(Self.family)
    let scale = AttenuationScale()
    let first = try PhantomImages(family, size: 48, attenuation: scale).identity
    #expect(try PhantomImages(family, size: 48, attenuation: scale).identity == first)
    #expect(try PhantomImages(family, size: 64, attenuation: scale).identity != first)
    let fewer = try RandomPhantomFamily(
      name: family.name, unit: family.unit, fieldOfView: family.fieldOfView, body: family.body,
      layers: family.layers.dropLast())
    #expect(try PhantomImages(fewer, size: 48, attenuation: scale).identity != first)
  }
}

@Suite struct TrainingImagesDescriptionTests {
  /// Stacks and phantoms of a training file, in the unit that it states.
  @Test func opensWhatItNames() throws {
    let folder = try TemporaryFolder()
    var writer = try TIFFWriter(path: folder("stack.tif"), rows: 8, columns: 8, pages: 1)
    try writer.append(Image(shape: [8, 8], filledWith: 0.02))
    try writer.finish()
    func open(_ images: String) throws -> any ImageSource {
      let file = try folder.write(
        "images: \(images)\ntraining: {iterations: 1, crop: 8}\noutput: out\n", to: "train.yaml")
      return try PriorTrainingDescription(file: file).images
        .open(size: 8, minimum: 8, attenuation: AttenuationScale())
    }
    let family = packageFolder + "/phantoms/random-ct.yaml"
    let stack = try open("{stacks: [stack.tif], unit: 1/mm}")
    var generator = SplitMix64(seed: 1)
    #expect(stack.draw(rows: 8, columns: 8, using: &generator).samples.allSatisfy { $0 == 0 })
    let mixed = try open("{stacks: [stack.tif], unit: 1/mm, phantoms: \(family), phantomFraction: 0.5}")
    #expect(
      mixed.identity.map(\.name) == [
        "the content of the stacks", "the family of phantoms", "the fraction of the second images",
      ])
    #expect(throws: YAMLError.self) { try open("{stacks: [stack.tif], unit: mm}") }
    #expect(throws: TrainingError.self) { try open("{stacks: [stack.tif]}") }
  }
}

@Suite struct SamplePictureTests {
  /// A prior that takes every image for noise alone: its estimates are a part of what it is given.
  private struct Silent: NoisePredictor {
    func predictNoise(_ x: Tensor, time t: [Int]) throws(TorchError) -> Tensor { x }
  }

  /// Four images of the size asked for, side by side, with gaps of four pixels; the same for a seed.
  @Test func drawsFourImages() throws {
    let folder = try TemporaryFolder()
    let prior = DiffusionPrior(
      predictor: Silent(), schedule: NoiseSchedule(), description: PriorDescription(), path: "silent")
    func picture(_ seed: UInt64, _ name: String) throws -> Data {
      try writeSamples(of: prior, size: 24, seed: seed, to: folder(name))
      return try folder.data(name)
    }
    let first = try picture(1, "one.png")
    #expect(Array(first.prefix(8)) == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
    func number(_ place: Int) -> Int { first[place..<place + 4].reduce(0) { $0 << 8 | Int($1) } }
    #expect(number(16) == 4 * 24 + 3 * 4 && number(20) == 24)
    #expect(try picture(1, "again.png") == first)
    #expect(try picture(2, "two.png") != first)
  }
}
