import Fields
import Operators

/// The views of every bin in the order of their values.
///
/// Neighbouring bins see almost the same values in almost the same order, so that rank by rank the sorted sinogram is
/// smooth along the detector, whatever the object is. A stripe is not.
struct SortedSinogram {
  let views: Int
  let bins: Int
  /// `[bins, views]`, each bin from its smallest value to its largest.
  private(set) var values: [Float]
  /// The view that each of ``values`` came from.
  private let places: [UInt32]

  init(_ sinogram: Sinogram, threads: Int) {
    let (views, bins) = (sinogram.shape[0], sinogram.shape[1])
    let count = views * bins
    var values = [Float](repeating: 0, count: count)
    var places = [UInt32](repeating: 0, count: count)
    sinogram.samples.withUnsafeBufferPointer { source in
      values.withUnsafeMutableBufferPointer { values in
        places.withUnsafeMutableBufferPointer { places in
          parallel(tiles: bins, threads: threads) { bin, _ in
            var keys = [UInt64](repeating: 0, count: views)
            for view in 0..<views {
              // Negative numbers are ordered backwards by their bits.
              let bits = source[view * bins + bin].bitPattern
              let ordered = bits >> 31 == 0 ? bits | 0x8000_0000 : ~bits
              keys[view] = UInt64(ordered) << 32 | UInt64(view)
            }
            keys.sort()
            for rank in 0..<views {
              let view = Int(keys[rank] & 0xffff_ffff)
              values[bin * views + rank] = source[view * bins + bin]
              places[bin * views + rank] = UInt32(view)
            }
          }
        }
      }
    }
    (self.views, self.bins, self.values, self.places) = (views, bins, values, places)
  }

  /// Replaces every value by the median of its rank over `width` neighbouring bins.
  func smoothed(width: Int, threads: Int) -> [Float] {
    var result = [Float](repeating: 0, count: values.count)
    result.withUnsafeMutableBufferPointer { target in
      values.withUnsafeBufferPointer { source in
        parallel(tiles: views, threads: threads) { rank, _ in
          var line = (0..<bins).map { source[$0 * views + rank] }
          runningMedian(&line, width: width)
          for bin in 0..<bins { target[bin * views + rank] = line[bin] }
        }
      }
    }
    return result
  }

  /// Puts the values of one bin, given by rank, back to their views.
  func restore(_ ranked: [Float], bin: Int, to sinogram: inout Sinogram) {
    for rank in 0..<views {
      sinogram.samples[Int(places[bin * views + rank]) * bins + bin] = ranked[bin * views + rank]
    }
  }

  /// Puts all values back to their views.
  func restore(_ ranked: [Float], to sinogram: inout Sinogram) {
    sinogram.samples.withUnsafeMutableBufferPointer { target in
      for bin in 0..<bins {
        for i in bin * views..<(bin + 1) * views { target[Int(places[i]) * bins + bin] = ranked[i] }
      }
    }
  }
}

/// Replaces every value by the median of `width` (odd) neighbours; a line is mirrored at its ends.
func runningMedian(_ line: inout [Float], width: Int) {
  let (count, half) = (line.count, width / 2)
  guard count > 1, half > 0 else { return }
  let extended = (-half..<count + half).map { line[mirrored($0, count)] }
  var window = extended[..<(2 * half + 1)].sorted()
  line[0] = window[half]
  for index in 1..<max(count, 1) {
    let (leaving, entering) = (extended[index - 1], extended[index + 2 * half])
    guard leaving != entering else {
      line[index] = window[half]
      continue
    }
    window.withUnsafeMutableBufferPointer { window in
      /// The first place whose value is not below `value`.
      func place(_ value: Float) -> Int {
        var (low, high) = (0, window.count)
        while low < high {
          let middle = (low + high) / 2
          if window[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low
      }
      var hole = place(leaving)
      if entering > leaving {
        while hole + 1 < window.count, window[hole + 1] < entering {
          window[hole] = window[hole + 1]
          hole += 1
        }
      } else {
        while hole > 0, window[hole - 1] > entering {
          window[hole] = window[hole - 1]
          hole -= 1
        }
      }
      window[hole] = entering
    }
    line[index] = window[half]
  }
}
