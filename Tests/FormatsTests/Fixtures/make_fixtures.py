"""Small TIFF files by other programs; see README.md for their versions.

    python make_fixtures.py

Needs tifffile with imagecodecs, and tiffcp of libtiff. Page p, row r, column c hold 100 p + 12 r + c − 20 as floats, 20 more as
integers.
"""

import subprocess

import numpy as np
import tifffile

PAGES, ROWS, COLUMNS = 2, 10, 12
number = 100 * np.arange(PAGES)[:, None, None] + 12 * np.arange(ROWS)[:, None] + np.arange(COLUMNS)
floats = (number - 20).astype(np.float32)
integers = number.astype(np.uint16)
plain = {"photometric": "minisblack", "metadata": None}


def write(name, data, **options):
    tifffile.imwrite(name, data, **{**plain, **options})


write("zstd-tiles.tif", floats, compression="zstd", tile=(16, 16))
write("zstd-predictor.tif", floats, compression="zstd", predictor=True)
write("lerc.tif", floats, compression="lerc")
write("lerc-integers.tif", integers, compression="lerc")
write("deflate-big-endian.tif", integers, compression="zlib", predictor=True, byteorder=">", rowsperstrip=3)
write("half.tif", floats.astype(np.float16), compression="zlib", predictor=True)
write("big-int32.tif", floats.astype(np.int32), bigtiff=True, compression="lzw", predictor=True)
write("double.tif", floats.astype(np.float64), compression="packbits")
write("complex64.tif", floats + 1j * floats[::-1], compression="zlib")
write("complex128-big-endian.tif", (floats + 1j * floats[::-1]).astype(np.complex128), byteorder=">")
planes = np.stack([floats, floats[::-1]], axis=1)
write("planes.tif", planes, planarconfig="separate", extrasamples=["unspecified"])
write("pairs.tif", np.moveaxis(planes, 1, 3), planarconfig="contig", extrasamples=["unspecified"])
imagej = {"metadata": {"unit": "um", "spacing": 3.0, "axes": "ZYX"}, "resolution": (1 / 0.5, 1 / 0.25), "imagej": True}
tifffile.imwrite("imagej.tif", integers, **imagej)
tifffile.imwrite("imagej-one-directory.tif", floats, truncate=True, **imagej)
sizes = {"PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "mm", "PhysicalSizeY": 250.0, "PhysicalSizeYUnit": "µm"}
tifffile.imwrite("ome.ome.tif", integers, metadata={"axes": "ZYX", "PhysicalSizeZ": 2.0, **sizes})

write("plain.tif", integers)
for name, arguments in {
    "tiffcp-lzw": ["-c", "lzw:2", "-B"],
    "tiffcp-tiles": ["-c", "zip:2", "-t", "-w", "16", "-l", "16", "-8"],
    "tiffcp-packbits": ["-c", "packbits", "-r", "4"],
}.items():
    subprocess.run(["tiffcp", *arguments, "plain.tif", f"{name}.tif"], check=True)
subprocess.run(["rm", "plain.tif"], check=True)
