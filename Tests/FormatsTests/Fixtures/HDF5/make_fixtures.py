"""Makes the HDF5 files of the tests: pip install h5py==3.16.0 numpy==2.4.6; python3 make_fixtures.py"""

import h5py
import numpy as np

def numbers(page):
    return (100 * page + np.arange(48)).reshape(6, 8)

def counts(view, row, bin):
    return 200 + (7 * view + 13 * row * row + 3 * bin * bin) % 1009

def flats(page, row, bin):
    return 2000 + 5 * bin + 3 * row + 64 * (1 - 2 * page)

def darks(page, row, bin):
    return 90 + bin % 7 + row + page - 1

def frames(value, pages, rows=5, bins=33):
    return np.fromfunction(value, (pages, rows, bins), dtype=int)

with h5py.File("exchange.h5", "w") as f:
    f["implements"] = "exchange:measurement"
    g = f.create_group("exchange")
    how = dict(compression="gzip", shuffle=True)
    g.create_dataset("data", data=frames(counts, 8).astype("u2"), chunks=(3, 2, 16), **how)
    g["data"].attrs["units"] = "counts"
    g.create_dataset("data_white", data=frames(flats, 2).astype("u2"))
    g.create_dataset("data_dark", data=frames(darks, 3).astype("u2"))
    g["theta"] = 22.5 * np.arange(8)
    g["theta"].attrs["units"] = "deg"
    d = f.create_group("measurement/instrument/detector")
    d["pixel_size_x"] = 6.5e-6
    d["pixel_size_y"] = 6.5e-6
    d["actual_pixel_size_x"] = 0.65
    d["actual_pixel_size_x"].attrs["units"] = "microns"
    d["actual_pixel_size_y"] = 1.3
    d["actual_pixel_size_y"].attrs["units"] = "microns"

# Dark, flat, four projections, an invalid frame, four projections, flat, two darks.
keys = [2, 1, 0, 0, 0, 0, 3, 0, 0, 0, 0, 1, 2, 2]
with h5py.File("tomo.nxs", "w", libver=("v110", "v110")) as f:
    e = f.create_group("entry0000")
    e.attrs["NX_class"] = "NXentry"
    e["definition"] = "NXtomo"
    d = e.create_group("instrument/detector")
    d.attrs["NX_class"] = "NXdetector"
    parts = {0: iter(frames(counts, 8)), 1: iter(frames(flats, 2)), 2: iter(frames(darks, 3))}
    parts[3] = iter([np.full((5, 33), 65535)])
    d.create_dataset("data", data=np.array([next(parts[k]) for k in keys]).astype(">f4"))
    d["image_key"] = np.array(keys, "i4")
    for name, size in ("x_pixel_size", 0.65e-6), ("y_pixel_size", 1.3e-6):
        d[name] = size
        d[name].attrs["units"] = "m"
    views = np.cumsum([k == 0 for k in keys]) - 1
    e["sample/rotation_angle"] = np.deg2rad(22.5 * np.maximum(views, 0))
    e["sample/rotation_angle"].attrs["units"] = np.bytes_("rad")
    e["data/data"] = h5py.SoftLink("/entry0000/instrument/detector/data")

pages = np.array([numbers(0), numbers(1)])
with h5py.File("types.h5", "w", libver=("v110", "v110")) as f:
    f["uint8"] = (pages % 256).astype("u1")
    f["int8"] = (pages % 120 - 60).astype("i1")
    for name in "u2", "u4", "i2", "i4", "f2", "f4", "f8":
        for order in "<", ">":
            sign = 0 if name[0] == "u" else 20
            f["little" + name if order == "<" else "big" + name] = (pages - sign).astype(order + name)
    z = (pages - 20) + 1j * (pages[::-1] - 20)
    f["c8"] = z.astype("<c8")
    f["c16"] = z.astype(">c16")
    other = np.zeros(z.shape, [("real", "<f4"), ("imag", "<f4")])
    other["real"], other["imag"] = z.real, z.imag
    f["pairs"] = other
    f["flat"] = pages[0].astype("u2")

with h5py.File("types2.h5", "w", libver=("v110", "v110")) as f:
    f["int64"] = pages.astype("i8")
    f["text"] = np.full((2, 2), b"text")
    f["truth"] = pages > 5
    f["records"] = np.zeros((2, 2), [("a", "f4"), ("b", "f4")])
    f["axes4"] = np.zeros((1, 2, 3, 4), "f4")
    f["axis"] = np.zeros(3, "f4")
    f["empty"] = np.zeros((0, 3, 4), "f4")
    f.create_dataset("lzf", data=pages.astype("u2"), compression="lzf")
    f.create_dataset("fletcher", data=pages.astype("u2"), fletcher32=True, chunks=(1, 4, 8))
    f.create_dataset("declared", (2, 6, 8), "u2")
    f.create_dataset("partial", (2, 6, 8), "u2", chunks=(1, 6, 8), compression="gzip")
    f["partial"][0] = 1
    f.create_dataset("large", (1, 40000, 40000), "u1", chunks=(1, 40000, 40000), compression="gzip")
    f["values"] = np.array([[[1, 2, 1e39], [-1e39, np.nan, np.inf]]])
    f["outside"] = h5py.ExternalLink("types.h5", "/uint8")
    f["detour"] = h5py.SoftLink("/outside")
    f["inside"] = h5py.SoftLink("/values")
    f["circle"] = h5py.SoftLink("/circle")
    f["dangling"] = h5py.SoftLink("/nothing")
    f.create_dataset("stored", (2, 6, 8), "u1", external=[("types.h5", 0, 96)])
    layout = h5py.VirtualLayout(shape=(2, 6, 8), dtype="u1")
    layout[:] = h5py.VirtualSource("types.h5", "uint8", shape=(2, 6, 8))
    f.create_virtual_dataset("virtual", layout)

with h5py.File("plain.h5", "w", libver=("v110", "v110")) as f:
    f.create_dataset("a/volume", data=pages.astype("f4"), chunks=(2, 6, 8), compression="gzip", compression_opts=9)
    f["a/theta"] = [0.0, 90.0]
    f["a/flat"] = pages[0].astype("f4")
