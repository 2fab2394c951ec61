import RealModule

/// What was found wrong with a slice, collected and then said in sentences.
struct Findings {
  private enum Kind {
    case misfit, overfit, inconsistency, quiet, body, background, axis, pattern, place, view, bin, ray,
      nullSpace
  }

  private let limits: VerdictThresholds
  private(set) var status = Verdict.Status.pass
  private var kinds: Set<Kind> = []
  private var found: [(kind: Kind, status: Verdict.Status, text: String)] = []

  init(_ limits: VerdictThresholds) { self.limits = limits }

  private mutating func add(_ kind: Kind, _ status: Verdict.Status, _ text: String) {
    guard status > .pass else { return }
    self.status = max(self.status, status)
    kinds.insert(kind)
    found.append((kind, status, text))
  }

  private func grade(_ value: Double, warn: Double, fail: Double) -> Verdict.Status {
    value >= fail ? .fail : value > warn ? .warn : .pass
  }

  mutating func add(_ f: ResidualFigures) {
    if let axis = f.axisShift, abs(axis.value) >= limits.axisSignificance * axis.sigma {
      add(
        .axis, grade(abs(axis.value), warn: limits.axisWarning, fail: limits.axisFailure),
        "The rotation axis is \(signed(axis.value, 2)) ± \(rounded(axis.sigma, 2)) bins from where the geometry has it: "
          + "the centres of mass of the views say so whatever the method. Correct the axis by that much.")
    }
    // A wrong axis shows most in the first and last views, which are not to blame.
    let limit = max(limits.viewWarning, f.viewPowerByChance, 3 * f.medianViewPower)
    let views = f.views.filter { $0.power > limit }
    if let worst = views.first, !kinds.contains(.axis) {
      let names = views.map { "\($0.index + 1) (\(rounded($0.degrees, 1))°)" }.joined(separator: ", ")
      add(
        .view, .warn,
        "Single views disagree with all others: \(names); the residual of the first has \(rounded(worst.power, 1)) times the "
          + "power it should have. Check for motion, a drop of the beam, a wrong angle; leave such views out."
      )
    }
    addInconsistency(f)
    let sigma = f.background.sigma * Double(6 * f.viewCount).squareRoot()
    if !f.isTruncated, abs(f.background.value) > 5 * f.background.sigma, sigma > 0 {
      add(
        .background, grade(abs(f.background.value) / sigma, warn: limits.backgroundWarning, fail: .infinity),
        "Beside the object the data read \(signed(f.background.value, 4)) more than the image explains, "
          + "\(rounded(abs(f.background.value) / sigma, 1)) σ of a ray: air is not zero. Check flats and darks."
      )
    }
    if let error = f.bodyError, error > f.bodyErrorByChance {
      add(
        .body, grade(error, warn: limits.bodyErrorWarning, fail: limits.bodyErrorFailure),
        "The large structures of the image are off by \(rounded(100 * error, 1)) %; in all, the image holds "
          + "\(signed(-100 * f.massExcess.value, 1)) % more than the data. Check units, scaling and an offset of the image."
      )
    }
    add(
      .misfit,
      grade(f.chiSquare, warn: f.interval.upper + limits.chiSquareTolerance, fail: limits.chiSquareFailure),
      "The image does not reproduce the data: χ² is \(rounded(f.chiSquare, 2)) per ray, expected at most "
        + "\(rounded(f.interval.upper, 2)).")
    if f.chiSquare < limits.chiSquareLow {
      add(
        .overfit, .warn,
        "The image follows the noise of the data: χ² is only \(rounded(f.chiSquare, 2)) per ray. The noise is overstated "
          + "or the image is regularised too little.")
    }
    // Chance alone correlates a few rays; four standard deviations are allowed for it.
    let correlations =
      f.correlationAlongBins.enumerated().map { ($1, "\($0 + 1) bins apart") }
      + f.correlationAlongViews.enumerated().map { ($1, "\($0 + 1) views apart") }
    if let worst = correlations.max(by: { abs($0.0) < abs($1.0) }) {
      let chance = 4 * f.correlationSigma
      add(
        .pattern,
        grade(abs(worst.0), warn: limits.correlationWarning + chance, fail: .infinity),
        "The residual is a pattern and not noise: rays \(worst.1) have a correlation of \(signed(worst.0, 2))."
      )
    }
    let bins = f.bins.filter { abs($0.offset) > limits.binWarning }
    if !bins.isEmpty {
      add(
        .bin, .warn,
        "Single detector bins are off in all views: \(bins.map { "\($0.index + 1)" }.joined(separator: ", ")), the first "
          + "by \(rounded(abs(bins[0].offset), 1)) σ. They make rings; check flats and dead pixels.")
    }
    if let ray = f.worstRays.first, abs(ray.residual) > limits.rayWarning, bins.isEmpty,
      !kinds.contains(.view)
    {
      add(
        .ray, .warn,
        "Single rays are far from the image: view \(ray.view + 1), bin \(ray.bin + 1) by \(signed(ray.residual, 1)) σ."
      )
    }
  }

  private mutating func addInconsistency(_ f: ResidualFigures) {
    let expected = text(f.inconsistencyInterval)
    let halves = f.inconsistencyByDegree
    let isEven =
      kinds.isDisjoint(with: [.axis, .view]) && halves[1] > 0 && halves[0] / halves[1] < 1.5
      && halves[0] / halves[1] > 1 / 1.5
    let noise = rounded(f.inconsistency.squareRoot(), 2)
    if f.inconsistency < f.inconsistencyInterval.lower {
      add(
        .quiet, .warn,
        "The data are quieter than their stated noise: power \(rounded(f.inconsistency, 2)) in what no image can explain, "
          + "expected \(expected). The noise is about \(noise) times the stated one.")
      return
    }
    let upper = f.inconsistencyInterval.upper + limits.inconsistencyTolerance
    add(
      .inconsistency, grade(f.inconsistency, warn: upper, fail: limits.inconsistencyFailure),
      isEven
        ? "The data are noisier than stated: power \(rounded(f.inconsistency, 2)) in what no image can explain, expected "
          + "\(expected), evenly over coarse and fine waves. The noise is about \(noise) times the stated one."
        : "The data contradict each other: power \(rounded(f.inconsistency, 2)) in what no image can explain, expected "
          + "\(expected). Check the geometry (axis, angles, spacings), flats and drifts of the beam, motion.")
  }

  mutating func add(_ c: Contradiction, modelError: Double) {
    let allowance = (1 + modelError * modelError).squareRoot()
    add(
      .place,
      grade(
        abs(c.z), warn: allowance * limits.contradictionWarning, fail: allowance * limits.contradictionFailure
      ),
      "The data contradict the image at row \(c.row + 1), column \(c.column + 1): they ask for "
        + "\(c.z > 0 ? "more" : "less") there (\(signed(c.contrast, 5)) in the unit of the image over "
        + "\(rounded(2.355 * c.width, 1)) mm, \(rounded(abs(c.z), 1)) σ).")
  }

  mutating func add(nullSpaceFraction: Double) {
    if nullSpaceFraction > limits.nullSpaceWarning {
      add(
        .nullSpace, .warn,
        "\(rounded(100 * nullSpaceFraction, 0)) % of the detail is not determined by the data: there the image is what the "
          + "method supposed.")
    }
  }

  /// At least one sentence: the gravest first, then what they mean together, then the size of the model error.
  func sentences(_ f: ResidualFigures, reference: Verdict.Reference?) -> [String] {
    var sentences = found.sorted { $0.status > $1.status }.map(\.text)
    let misses = !kinds.isDisjoint(with: [.misfit, .place, .pattern, .body])
    if sentences.isEmpty {
      sentences.append(
        "The image reproduces the data to within the noise: χ² \(rounded(f.chiSquare, 2)) per ray, "
          + "no pattern in the residual, and the data agree with each other.")
    } else if misses, let reference {
      let theirs = "χ² \(rounded(reference.figures.chiSquare, 2))"
      switch reference.status {
      case .pass:
        sentences.append(
          "'\(reference.method)' fits the same data (\(theirs)): data and geometry are right, and this image has put "
            + "something else in their place.")
      case .fail:
        sentences.append(
          "'\(reference.method)' fails on the same data too (\(theirs)): look at the geometry, the noise level and the data, "
            + "not at the method.")
      case .warn:
        sentences.append("'\(reference.method)' is not free of doubt on the same data either (\(theirs)).")
      }
    }
    if misses, let error = f.bodyError, kinds.isDisjoint(with: [.inconsistency, .axis, .body, .quiet]) {
      sentences.append(
        "The data agree with each other (\(rounded(f.inconsistency, 2))) and the large structures are right (to "
          + "\(rounded(100 * error, 1)) %), "
          + "so geometry and amplitude are too; what is missed is detail.")
    }
    if f.modelError > 0 {
      var text =
        "Pixels and bins add a model error of \(rounded(f.modelError, 2)) σ of the noise, which is allowed for"
      if f.modelError > 1 {
        text += "; it is larger than the noise, so this verdict sees little of small flaws"
      }
      sentences.append(text + ".")
    }
    return sentences
  }

  private func text(_ interval: ResidualFigures.Interval) -> String {
    "\(rounded(interval.lower, 2)) … \(rounded(interval.upper, 2))"
  }
}

/// With a fixed number of digits after the point.
func rounded(_ value: Double, _ digits: Int) -> String {
  guard value.isFinite, abs(value) < 1e12 else { return "\(value)" }
  let scale = Double.pow(10, Double(digits))
  let whole = Int64((abs(value) * scale).rounded())
  let sign = value < 0 && whole != 0 ? "−" : ""
  guard digits > 0 else { return sign + "\(whole)" }
  let text = String(whole)
  let padded = String(repeating: "0", count: max(0, digits + 1 - text.count)) + text
  return sign + padded.dropLast(digits) + "." + padded.suffix(digits)
}

func signed(_ value: Double, _ digits: Int) -> String {
  let text = rounded(value, digits)
  return text.hasPrefix("−") ? text : "+" + text
}
