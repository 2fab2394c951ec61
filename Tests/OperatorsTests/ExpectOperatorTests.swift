import Fields
import Operators
import TestSupport
import Testing

/// The test of the test: each of these operators breaks one promise, and ``measureOperator(_:seed:)`` sees it.
@Suite struct ExpectOperatorTests {
  private static let grid = ImageSpace(shape: [21, 18])
  private static let beam = ParallelBeam(angles: Angle.even(13), bins: 30)

  private enum Flaw { case none, scaledAdjoint, outputNotCleared, shiftedAdjoint, offset }

  private struct Flawed: LinearOperator {
    let A: RadonTransform
    let shifted: RadonTransform
    let flaw: Flaw

    init(_ flaw: Flaw) throws {
      A = try RadonTransform(grid, beam: beam)
      shifted = try RadonTransform(
        grid, beam: ParallelBeam(angles: beam.angles, bins: beam.bins, axis: beam.axis + 0.5))
      self.flaw = flaw
    }

    var domain: ImageSpace { A.domain }
    var codomain: SinogramSpace { A.codomain }

    func apply(_ x: Image, into y: inout Sinogram) {
      let before = y
      A.apply(x, into: &y)
      if flaw == .outputNotCleared { codomain.add(1, before, to: &y) }
      if flaw == .offset { for i in y.samples.indices { y.samples[i] += 1 } }
    }

    func applyAdjoint(_ y: Sinogram, into x: inout Image) {
      (flaw == .shiftedAdjoint ? shifted : A).applyAdjoint(y, into: &x)
      if flaw == .scaledAdjoint { domain.scale(&x, by: 1.001) }
    }
  }

  private static let tolerance = 8 * Double(Float.ulpOfOne)

  @Test func passesASoundOperator() throws { expectOperator(try Flawed(.none)) }

  @Test func seesAnAdjointOffByATenthOfAPercent() throws {
    let report = measureOperator(try Flawed(.scaledAdjoint))
    #expect(abs(report.adjointRatio - 1.001) < 1e-5)
    #expect(report.adjointError > 10 * Self.tolerance)
  }

  @Test func seesAnOutputThatIsNotCleared() throws {
    #expect(try !measureOperator(Flawed(.outputNotCleared)).overwritesOutput)
    #expect(try measureOperator(Flawed(.none)).overwritesOutput)
  }

  @Test func seesAShiftOfHalfABin() throws {
    #expect(try measureOperator(Flawed(.shiftedAdjoint)).adjointError > 1000 * Self.tolerance)
  }

  @Test func seesAMapThatIsNotLinear() throws {
    #expect(try measureOperator(Flawed(.offset)).linearityError > 1000 * Self.tolerance)
  }
}
