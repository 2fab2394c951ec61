/// A small dense matrix in double precision, for closed forms.
struct Matrix: Equatable {
  var rows: [[Double]]

  init(_ rows: [[Double]]) { self.rows = rows }

  static func identity(_ n: Int) -> Matrix {
    Matrix((0..<n).map { i in (0..<n).map { $0 == i ? 1 : 0 } })
  }

  var transposed: Matrix {
    Matrix(rows[0].indices.map { j in rows.map { $0[j] } })
  }

  static func * (a: Matrix, b: Matrix) -> Matrix {
    let columns = b.transposed.rows
    return Matrix(a.rows.map { row in columns.map { column in zip(row, column).map(*).reduce(0, +) } })
  }
  static func * (a: Matrix, x: [Double]) -> [Double] { a.rows.map { zip($0, x).map(*).reduce(0, +) } }
  static func * (a: Double, b: Matrix) -> Matrix { Matrix(b.rows.map { $0.map { a * $0 } }) }
  static func + (a: Matrix, b: Matrix) -> Matrix {
    Matrix(zip(a.rows, b.rows).map { zip($0, $1).map(+) })
  }
  static func - (a: Matrix, b: Matrix) -> Matrix { a + -1 * b }

  /// Frobenius norm.
  var norm: Double { rows.joined().reduce(0) { $0 + $1 * $1 }.squareRoot() }

  /// By Gauss–Jordan elimination with row pivoting.
  var inverse: Matrix {
    let n = rows.count
    var work = zip(rows, Matrix.identity(n).rows).map { $0 + $1 }
    for k in 0..<n {
      let pivot = (k..<n).max { abs(work[$0][k]) < abs(work[$1][k]) } ?? k
      work.swapAt(k, pivot)
      let inverse = 1 / work[k][k]
      work[k] = work[k].map { $0 * inverse }
      for i in 0..<n where i != k {
        let factor = work[i][k]
        work[i] = zip(work[i], work[k]).map { $0 - factor * $1 }
      }
    }
    return Matrix(work.map { Array($0[n...]) })
  }

  /// Eigenvalues and eigenvectors of a symmetric matrix, by Jacobi rotations.
  var eigen: (values: [Double], vectors: [[Double]]) {
    var a = self
    var v = Matrix.identity(rows.count)
    for _ in 0..<30 {
      for p in rows.indices {
        for q in rows.indices where q > p && abs(a.rows[p][q]) > 1e-300 {
          let theta = (a.rows[q][q] - a.rows[p][p]) / (2 * a.rows[p][q])
          let t = (theta < 0 ? -1 : 1) / (abs(theta) + (theta * theta + 1).squareRoot())
          let c = 1 / (t * t + 1).squareRoot()
          var rotation = Matrix.identity(rows.count)
          (rotation.rows[p][p], rotation.rows[q][q]) = (c, c)
          (rotation.rows[p][q], rotation.rows[q][p]) = (t * c, -t * c)
          a = rotation.transposed * a * rotation
          v = v * rotation
        }
      }
    }
    return (rows.indices.map { a.rows[$0][$0] }, v.transposed.rows)
  }
}
