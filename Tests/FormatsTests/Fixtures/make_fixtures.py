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

# Three channels of two slices, channels fastest; and two of them in two files, one backwards, that name each other.
planes = (100 * np.arange(6)[:, None, None] + number[0]).astype(np.uint16)
tifffile.imwrite("ome-channels.ome.tif", planes.reshape(2, 3, ROWS, COLUMNS), metadata={"axes": "ZCYX"}, compression="zlib")
files = ["ome-series_1.ome.tif", "ome-series_2.ome.tif"]
uuids = ["urn:uuid:00000000-0000-4000-8000-00000000000" + digit for digit in "12"]


def piece(attributes, file):
    return f'<TiffData {attributes}><UUID FileName="{files[file]}">{uuids[file]}</UUID></TiffData>'


pieces = [
    piece('FirstC="0" FirstZ="0" IFD="0" PlaneCount="2"', 0),  # z 1 and 2 of channel 1
    piece('FirstC="1" FirstZ="1" IFD="0"', 1),
    piece('FirstC="1" FirstZ="0" IFD="1"', 1),
]
for file, uuid in enumerate(uuids):
    xml = f"""<?xml version="1.0" encoding="UTF-8"?>
<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{uuid}"><Image ID="Image:0"><Pixels ID="Pixels:0"
DimensionOrder="XYZCT" Type="uint16" SizeX="{COLUMNS}" SizeY="{ROWS}" SizeZ="2" SizeC="2" SizeT="1" PhysicalSizeX="0.5"
PhysicalSizeXUnit="mm" PhysicalSizeY="0.5" PhysicalSizeYUnit="mm" PhysicalSizeZ="2" PhysicalSizeZUnit="mm"
><Channel ID="Channel:0:0" SamplesPerPixel="1"/><Channel ID="Channel:0:1" SamplesPerPixel="1"/>{"".join(pieces)}</Pixels></Image></OME>"""
    write(files[file], planes[2 * file : 2 * file + 2], description=xml, compression="zlib")

write("plain.tif", integers)
for name, arguments in {
    "tiffcp-lzw": ["-c", "lzw:2", "-B"],
    "tiffcp-tiles": ["-c", "zip:2", "-t", "-w", "16", "-l", "16", "-8"],
    "tiffcp-packbits": ["-c", "packbits", "-r", "4"],
}.items():
    subprocess.run(["tiffcp", *arguments, "plain.tif", f"{name}.tif"], check=True)
subprocess.run(["rm", "plain.tif"], check=True)
