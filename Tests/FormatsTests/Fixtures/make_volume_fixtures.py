"""Small NIfTI, npy and cfl files by other programs; see README.md for their versions.

    python make_volume_fixtures.py

Needs nibabel, and bart. Page p, row r, column c hold 100 p + 12 r + c − 20 as floats, 20 more as integers; complex numbers have the
number of the other page, or c, as their imaginary part.
"""

import subprocess

import nibabel
import numpy as np

PAGES, ROWS, COLUMNS = 2, 10, 12
number = 100 * np.arange(PAGES)[:, None, None] + 12 * np.arange(ROWS)[:, None] + np.arange(COLUMNS)
floats = (number - 20).astype(np.float32)
integers = number.astype(np.int16)

# Of NIfTI the first axis is x.
affine = np.array([[-0.5, 0, 0, 90], [0, 0.25, 0, -126], [0, 0, 3, -72], [0, 0, 0, 1]])
turned = np.array([[0, 0, 3, -72], [-0.5, 0, 0, 90], [0, -0.25, 0, -126], [0, 0, 0, 1]])


def volume(kind, data, name, affine=affine, units=("mm", "sec"), header=None, scale=None, sform=None, intent=None):
    header = header or kind.header_class()
    header.set_data_dtype(data.dtype.newbyteorder("="))  # asked for, as int64 must be
    image = kind(data.transpose(range(data.ndim - 1, -1, -1)), affine, header)
    if units:
        image.header.set_xyzt_units(*units)
        image.set_qform(affine, code=1)
        image.set_sform(affine if sform is None else sform, code=1 if sform is None else 4)
    if scale:
        image.header.set_slope_inter(*scale)
    if intent:
        image.header.set_intent(*intent)
    nibabel.save(image, name)


one, two, pair = nibabel.Nifti1Image, nibabel.Nifti2Image, nibabel.Nifti1Pair
time = np.stack([floats[:1], floats[1:]])  # [t, k, j, i]
volume(one, integers, "int16.nii", sform=turned, intent=("z score", (), "effect"))
volume(one, time, "time.nii.gz")
volume(one, floats.astype(np.float64), "big-endian.nii", header=nibabel.Nifti1Header(endianness=">"), units=("meter", "msec"))
volume(two, number.astype(np.uint32), "second.nii", units=("micron", "sec"))
volume(two, number.astype(np.uint16), "second-big-endian.nii", header=nibabel.Nifti2Header(endianness=">"))
volume(pair, number.astype(np.uint8), "pair.img")
volume(nibabel.AnalyzeImage, integers, "analyze.img", units=None)
volume(one, (floats + 1j * floats[::-1]).astype(np.complex64), "complex.nii")
volume(one, (floats + 1j * floats[::-1]).astype(np.complex128), "complex128.nii")
volume(one, number.astype(np.int64), "int64.nii")
colours = np.zeros((12, 10, 2), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
nibabel.save(one(colours, affine), "rgb.nii")

# nibabel chooses a calibration itself; that of the file is written into its header.
raw = bytearray(open("int16.nii", "rb").read())
raw[112:120] = np.array([0.5, -20], "<f4").tobytes()
open("scaled.nii", "wb").write(raw)

np.save("c.npy", floats)
np.save("fortran.npy", np.asfortranarray(floats.astype(np.float64)))
np.save("big-endian.npy", integers.astype(">i2"))
np.save("half.npy", floats.astype(np.float16))
np.save("bool.npy", number % 2 == 1)
np.save("complex64.npy", np.asfortranarray(floats + 1j * floats[::-1]))
np.save("complex128.npy", (floats + 1j * floats[::-1]).astype(">c16"))
np.save("page.npy", np.asfortranarray(floats[0]))
np.save("four.npy", np.asfortranarray(floats.reshape(1, 2, 10, 12)))
for version in [(2, 0), (3, 0)]:
    with open(f"version{version[0]}.npy", "wb") as file:
        np.lib.format.write_array(file, floats, version=version)
np.save("one-axis.npy", floats.ravel())
np.save("number.npy", np.float32(3))
np.save("int64.npy", number.astype(np.int64))
np.save("records.npy", np.zeros((2, 2), dtype=[("a", "<f4"), ("b", "<i4")]))

for command in """
index 0 12 c; repmat 1 10 c c1; repmat 3 2 c1 c2
index 1 10 r; repmat 0 12 r r1; repmat 3 2 r1 r2
index 3 2 p; repmat 0 12 p p1; repmat 1 10 p1 p2
ones 4 12 10 1 2 one
saxpy 12 r2 c2 s1; saxpy 100 p2 s1 s2; saxpy -- -20 one s2 s3; saxpy 0+1i c2 s3 coils
""".replace("\n", ";").split(";"):
    if command.strip():
        subprocess.run(["bart", *command.split()], check=True)
for name in "c c1 c2 r r1 r2 p p1 p2 one s1 s2 s3".split():
    subprocess.run(["rm", f"{name}.cfl", f"{name}.hdr"], check=True)
