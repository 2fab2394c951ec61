extension OutputFormat {
  /// Arrays `[pages, rows, columns]` in C order.
  static let npy = OutputFormat(name: "NumPy", extensions: ["npy"], holds: []) { path, stack in
    PageSink(try RawPagesWriter(path: path, stack, header: NPYHeader.bytes(stack)))
  }
}

extension NPYHeader {
  /// The header of an array, format 1.0, as NumPy writes it: with room for the first axis to grow to 21 digits, and as long
  /// as it takes for the samples to begin at a multiple of 64.
  ///
  /// Source: NumPy 2.4, `numpy.lib.format`.
  static func bytes(_ stack: StackLayout) -> [UInt8] {
    let order = 1.littleEndian == 1 ? "<" : ">"
    let type = stack.storage == .complex64 ? "c8" : "f4"
    var text =
      "{'descr': '\(order)\(type)', 'fortran_order': False, 'shape': "
      + "(\(stack.pages), \(stack.rows), \(stack.columns)), }"
    text += String(repeating: " ", count: 21 - "\(stack.pages)".count)
    let before = mark.count + 4
    let length = (before + text.utf8.count + 1 + 63) / 64 * 64 - before
    text += String(repeating: " ", count: length - text.utf8.count - 1) + "\n"
    return mark + [1, 0, UInt8(length & 0xff), UInt8(length >> 8)] + Array(text.utf8)
  }
}
