"""Makes the ISMRMRD files of the tests: pip install ismrmrd==1.15.0 h5py==3.16.0 numpy==2.4.6; python3 make_fixtures.py"""

import os

import h5py
import ismrmrd
import numpy as np


def image(page, coil, rows, columns):
    """Over twice the field of view: its middle half is the image."""
    r, x = np.ogrid[:rows, :columns]
    return (7 * r + 3 * x + 5 * coil + 11 * page) % 13 + 1j * ((2 * r + 5 * x + 3 * coil + page) % 7)


def k_space(image):
    """Centred and unitary."""
    return np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(image), norm="ortho"))


def header(trajectory, encoded, recon, size, recon_size, centre, bandwidth=""):
    def space(name, m, s):
        return (f"<{name}><matrixSize><x>{m[0]}</x><y>{m[1]}</y><z>{m[2]}</z></matrixSize>"
                f"<fieldOfView_mm><x>{s[0]}</x><y>{s[1]}</y><z>{s[2]}</z></fieldOfView_mm></{name}>")

    limits = "".join(
        f"<kspace_encoding_step_{i}><minimum>0</minimum><maximum>99</maximum><center>{c}</center></kspace_encoding_step_{i}>"
        for i, c in centre.items())
    system = f"<acquisitionSystemInformation>{bandwidth}</acquisitionSystemInformation>" if bandwidth else ""
    return ('<?xml version="1.0"?><ismrmrdHeader xmlns="http://www.ismrm.org/ISMRMRD">'
            f"{system}<experimentalConditions><H1resonanceFrequency_Hz>63500000</H1resonanceFrequency_Hz>"
            f"</experimentalConditions><encoding>{space('encodedSpace', encoded, size)}{space('reconSpace', recon, recon_size)}"
            f"<encodingLimits>{limits}</encodingLimits><trajectory>{trajectory}</trajectory></encoding></ismrmrdHeader>")


def acquisition(data, centre, time=10.0, **counters):
    a = ismrmrd.Acquisition.from_array(np.ascontiguousarray(data, np.complex64))
    a.center_sample = centre
    a.sample_time_us = time
    for name, value in counters.items():
        setattr(a.idx, name, value)
    return a


def write(name, xml, acquisitions):
    if os.path.exists(name):
        os.remove(name)
    with ismrmrd.Dataset(name, "dataset", create_if_needed=True) as d:
        d.write_xml_header(xml.encode())
        for a in acquisitions:
            d.append_acquisition(a)


generator = np.random.default_rng(1)

# Two coils, two contrasts, the second with an asymmetric echo; two averages; oversampling 2; noise with a known covariance.
rows, columns = 6, 16
scan = []
for contrast in range(2):
    k = np.array([k_space(image(contrast, coil, rows, columns)) for coil in range(2)])
    for average in range(2):
        for row in range(rows):
            line = k[:, row] + (0.5 if average else -0.5)
            start = 5 if contrast else 0
            scan.append(acquisition(line[:, start:], columns // 2 - start, kspace_encode_step_1=row + 2, average=average,
                                    contrast=contrast))
generator.shuffle(scan)
factor = np.array([[2, 0], [1 + 2j, 3]])
white = np.sqrt(2) * np.exp(2j * np.pi * np.outer(np.arange(2), np.arange(8)) / 8)
noise = acquisition(factor @ white, 4, time=5.0)
noise.setFlag(ismrmrd.ACQ_IS_NOISE_MEASUREMENT)
other = acquisition(np.full((2, 16), 1e6), 8, kspace_encode_step_1=500)
other.setFlag(ismrmrd.ACQ_IS_NAVIGATION_DATA)
bandwidth = "<relativeReceiverNoiseBandwidth>0.8</relativeReceiverNoiseBandwidth>"
xml = header("cartesian", (16, 6, 1), (8, 6, 1), (32, 18, 5), (16, 18, 5), {1: 5}, bandwidth)
write("cartesian.h5", xml, [noise, other] + scan)

# Three partitions, two repetitions, two slabs of one coil; odd lines backwards; one line is missing.
scan = []
for repetition in range(2):
    for slab in range(2):
        for partition in range(3):
            k = k_space(image(6 * repetition + 3 * slab + partition, 0, 3, 4))
            for row in range(3):
                if (repetition, slab, partition, row) == (1, 0, 2, 0):
                    continue
                a = acquisition(k[None, row, ::-1] if row % 2 else k[None, row], 1 if row % 2 else 2,
                                kspace_encode_step_1=row, kspace_encode_step_2=partition + 4, slice=slab,
                                repetition=repetition)
                if row % 2:
                    a.setFlag(ismrmrd.ACQ_IS_REVERSE)
                scan.append(a)
generator.shuffle(scan)
# As a later library would write it: a program that may write marks such a file as open.
write("old.h5", header("cartesian", (4, 3, 3), (4, 3, 3), (8, 9, 12), (8, 9, 12), {2: 5}), scan)

with h5py.File("old.h5") as old, h5py.File("partitions.h5", "w", libver=("v110", "v110")) as new:
    old.copy("dataset", new)
os.remove("old.h5")

write("radial.h5", header("radial", (4, 3, 1), (4, 3, 1), (8, 9, 5), (8, 9, 5), {}), scan[:2])

# Three partitions of two coils.
scan = []
for partition in range(3):
    k = np.array([k_space(image(partition, coil, 3, 4)) for coil in range(2)])
    for row in range(3):
        scan.append(acquisition(k[:, row], 2, kspace_encode_step_1=row, kspace_encode_step_2=partition))
generator.shuffle(scan)
write("coils.h5", header("cartesian", (4, 3, 3), (4, 3, 3), (8, 9, 12), (8, 9, 12), {}), scan)
