"""The fan-beam operators of deft beside those of ASTRA on the CPU: times, and errors against the closed form.

    python bench/fan_beam.py --deft .build/release/deft

Needs a Python with astra-toolbox and numpy. Both see the scan of `deft verify --operator fan`: a full turn, a flat
detector of 3/2 bins per pixel of the width, the source two widths of the image from the axis and three from the
detector. Programs take turns; times are medians over all rounds.
"""

import argparse
import json
import statistics
import subprocess
import time

import astra
import numpy as np

# Value, semi-axes a and b, centre x and y, rotation in degrees; x to the right, y up, unit: half the image width.
# Shepp and Logan 1974 with the contrasts of Toft 1996.
ELLIPSES = [
    (1, 0.69, 0.92, 0, 0, 0),
    (-0.8, 0.6624, 0.874, 0, -0.0184, 0),
    (-0.2, 0.11, 0.31, 0.22, 0, -18),
    (-0.2, 0.16, 0.41, -0.22, 0, 18),
    (0.1, 0.21, 0.25, 0, 0.35, 0),
    (0.1, 0.046, 0.046, 0, 0.1, 0),
    (0.1, 0.046, 0.046, 0, -0.1, 0),
    (0.1, 0.046, 0.023, -0.08, -0.605, 0),
    (0.1, 0.023, 0.023, 0, -0.606, 0),
    (0.1, 0.023, 0.046, 0.06, -0.605, 0),
]


def image(n, oversampling=4):
    """Means of 4 × 4 points per pixel, row 0 at the top."""
    c = (np.arange(n * oversampling) + 0.5) / (n * oversampling) * 2 - 1
    x, y = np.meshgrid(c, -c)
    out = np.zeros_like(x)
    for value, a, b, x0, y0, degrees in ELLIPSES:
        p = np.radians(degrees)
        u = (x - x0) * np.cos(p) + (y - y0) * np.sin(p)
        v = -(x - x0) * np.sin(p) + (y - y0) * np.cos(p)
        out += value * ((u / a) ** 2 + (v / b) ** 2 <= 1)
    return out.reshape(n, oversampling, n, oversampling).mean((1, 3)).astype(np.float32)


def sinogram(angles, bins, n, oversampling=8):
    """Line integrals in pixels, averaged over each bin, as those of a parallel beam at θ − γ and R sin γ."""
    u = ((np.arange(bins * oversampling) + 0.5) / oversampling - bins / 2) * 1.5
    gamma = np.arctan(u / (3 * n))
    s = 2 * n * np.sin(gamma) * 2 / n
    out = np.zeros((len(angles), len(u)))
    for value, a, b, x0, y0, degrees in ELLIPSES:
        p = np.radians(degrees)
        for i, angle in enumerate(angles):
            t = angle - gamma
            square = a * a * np.cos(t - p) ** 2 + b * b * np.sin(t - p) ** 2
            d = s - (x0 * np.cos(t) + y0 * np.sin(t))
            out[i] += value * 2 * a * b * np.sqrt(np.maximum(0, square - d * d)) / square
    return out.reshape(len(angles), bins, oversampling).mean(2) * n / 2


class Astra:
    def __init__(self, kind, n, angles, bins):
        volume = astra.create_vol_geom(n, n)
        geometry = astra.create_proj_geom("fanflat", 1.5, bins, angles, 2.0 * n, 1.0 * n)
        projector = astra.create_projector(kind, geometry, volume)
        self.volume = astra.data2d.create("-vol", volume)
        self.sinogram = astra.data2d.create("-sino", geometry)
        self.name = kind
        self.forward = self.algorithm("FP", projector, VolumeDataId=self.volume)
        self.adjoint = self.algorithm("BP", projector, ReconstructionDataId=self.volume)

    def algorithm(self, name, projector, **data):
        configuration = astra.astra_dict(name)
        configuration.update(ProjectorId=projector, ProjectionDataId=self.sinogram, **data)
        return astra.algorithm.create(configuration)


def seconds(algorithm):
    start = time.perf_counter()
    astra.algorithm.run(algorithm)
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deft", default=".build/release/deft", help="the program to measure")
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--angles", type=int, default=360)
    parser.add_argument("--threads", type=int, default=2, help="threads of deft; ASTRA's projectors use one")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--runs", type=int, default=9, help="applications of deft per round; ASTRA has one")
    a = parser.parse_args()
    n, bins = a.size, 3 * a.size // 2
    angles = np.arange(a.angles) * 2 * np.pi / a.angles
    x, truth = image(n), sinogram(angles, bins, n)

    peers = [Astra(kind, n, angles, bins) for kind in ("line_fanflat", "strip_fanflat")]
    ours, times = [], {peer.name: ([], []) for peer in peers}
    errors = {}
    command = [a.deft, "verify", "--operator", "fan", "--json", "--size", str(n), "--angles", str(a.angles)]
    command += ["--threads", str(a.threads), "--runs", str(a.runs)]
    for _ in range(a.rounds):
        ours.append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["rows"][0])
        for peer in peers:
            astra.data2d.store(peer.volume, x)
            times[peer.name][0].append(seconds(peer.forward))
            y = astra.data2d.get(peer.sinogram)
            errors[peer.name] = float(np.linalg.norm(y - truth) / np.linalg.norm(truth))
            times[peer.name][1].append(seconds(peer.adjoint))
    assert ours[0]["bins"] == bins
    median = {key: statistics.median(row[key] for row in ours) for key in ("forward", "adjoint", "fbp")}
    rows = [dict(operator="deft fan", **median, error=ours[0]["error"], adjointError=ours[0]["adjointError"])]
    for peer in peers:
        forward, adjoint = map(statistics.median, times[peer.name])
        rows.append(
            dict(
                operator=f"astra {peer.name}", forward=forward, adjoint=adjoint, error=errors[peer.name],
                forwardRatio=forward / median["forward"], adjointRatio=adjoint / median["adjoint"]))
    print(json.dumps(dict(size=n, angles=a.angles, bins=bins, threads=a.threads, rows=rows), indent=1))


if __name__ == "__main__":
    main()
