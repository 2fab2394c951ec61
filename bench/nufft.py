"""Our NUFFT and Radon transform against FINUFFT, in turn, at equal measured accuracy.

    swift build -c release --package-path bench
    python bench/nufft.py            # a Python with numpy and finufft

Radial MRI: golden-angle spokes with two-fold oversampled readouts. For every accuracy FINUFFT may choose among its
tolerances and up-samplings: its fastest setting whose measured error is not above ours counts. The Radon transform is set
against FINUFFT's bare complex 2-D transform of all spokes at tolerance 1e-4. Every figure is the median over rounds
of medians in one process; ratios below 1 mean that ours is faster.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import finufft
import numpy as np

HERE = pathlib.Path(__file__).parent


def median(values):
    return sorted(values)[len(values) // 2]


def seconds(f, runs):
    f()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    return median(times)


class Problem:
    """A complex image of white noise and spokes through its k-space."""

    def __init__(self, size, spokes, rank):
        self.size, self.spokes, self.rank = size, spokes, rank
        k = (np.arange(2 * size) - size) / 2
        if rank == 2:
            angle = np.arange(spokes) * 2 * np.pi / (1 + 5 ** 0.5)
            direction = np.stack([-np.sin(angle), np.cos(angle)], -1)
        else:
            height = np.arange(spokes) * 0.465571231876768 % 1
            azimuth = 2 * np.pi * (np.arange(spokes) * 0.682327803828019 % 1)
            radius = np.sqrt(1 - height ** 2)
            direction = np.stack([height, -radius * np.sin(azimuth), radius * np.cos(azimuth)], -1)
        self.positions = (direction[:, None, :] * k[:, None]).reshape(-1, rank)
        random = np.random.default_rng(1)
        shape = (size,) * rank
        self.image = (random.standard_normal(shape) + 1j * random.standard_normal(shape)).astype(np.complex64)
        self.points = [2 * np.pi * self.positions[:, axis] / size for axis in range(rank)]
        simple = finufft.nufft2d2 if rank == 2 else finufft.nufft3d2
        self.truth = simple(*self.points, self.image.astype(np.complex128), eps=1e-12, isign=-1)

    def error(self, values):
        return float(np.linalg.norm(values - self.truth) / np.linalg.norm(self.truth))

    def ours(self, binary, accuracy, upsampling, threads, runs):
        with tempfile.TemporaryDirectory() as folder:
            files = [f"{folder}/{name}" for name in ("trajectory", "image", "samples")]
            self.positions.astype(np.float64).tofile(files[0])
            self.image.tofile(files[1])
            words = ["nufft", *files[:2], self.spokes, self.size, self.rank, accuracy, upsampling, threads, runs, files[2]]
            output = subprocess.run([binary, *map(str, words)], check=True, capture_output=True, text=True).stdout
            values = np.fromfile(files[2], np.complex64) * self.size ** (self.rank / 2)
        return dict(json.loads(output), error=self.error(values))

    def peer(self, tolerance, upsampling, threads):
        options = dict(eps=tolerance, dtype="complex64", nthreads=threads)
        if upsampling:
            options["upsampfac"] = upsampling
        points = [p.astype(np.float32) for p in self.points]
        forward = finufft.Plan(2, self.image.shape, isign=-1, **options)
        forward.setpts(*points)
        adjoint = finufft.Plan(1, self.image.shape, isign=1, **options)
        adjoint.setpts(*points)
        values = forward.execute(self.image)
        return dict(error=self.error(values), tolerance=tolerance, upsampling=upsampling,
                    forward=lambda: forward.execute(self.image), adjoint=lambda: adjoint.execute(values))


def radial(a, binary, size, spokes, rank):
    problem = Problem(size, spokes, rank)
    for threads in a.threads:
        settings = []
        for tolerance in (1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 1e-6):
            for upsampling in (1.25, 2):
                settings.append(problem.peer(tolerance, upsampling, threads))
        for accuracy in a.accuracy:
            ours, peers = [], []
            first = problem.ours(binary, accuracy, 0, threads, 1)
            # Where single precision keeps FINUFFT from our accuracy, its most accurate setting stands in.
            able = [s for s in settings if s["error"] <= 1.05 * first["error"]]
            able = able or [min(settings, key=lambda s: s["error"])]
            quick = {id(s): (seconds(s["forward"], 2), seconds(s["adjoint"], 2)) for s in able}
            best = [min(able, key=lambda s: quick[id(s)][way]) for way in (0, 1)]
            for _ in range(a.rounds):
                ours.append(problem.ours(binary, accuracy, 0, threads, a.runs))
                peers.append((seconds(best[0]["forward"], a.runs), seconds(best[1]["adjoint"], a.runs)))
            row = dict(problem=f"radial {size}^{rank} x {spokes} spokes", threads=threads, accuracy=accuracy,
                       error=first["error"], peer_error=[b["error"] for b in best],
                       peer_setting=[(b["tolerance"], b["upsampling"]) for b in best],
                       grid=first["grid"], width=first["width"])
            for index, way in enumerate(("forward", "adjoint")):
                row[way] = median([o[way] for o in ours])
                row[f"peer_{way}"] = median([p[index] for p in peers])
                row[f"{way}_ratio"] = median([o[way] / p[index] for o, p in zip(ours, peers)])
            row["normal"] = median([o["normal"] for o in ours])
            print(json.dumps(row), flush=True)


def tomography(a, binary, size, views):
    bins = 2 * int(np.ceil(size * 2 ** 0.5 / 2)) + 2
    angles = np.arange(views) * np.pi / views
    k = (np.arange(bins) - bins // 2) * 2 * np.pi / bins
    points = [np.outer(f(angles), k).ravel().astype(np.float32) for f in (np.cos, np.sin)]
    image = np.random.default_rng(1).standard_normal((size, size)).astype(np.complex64)
    for threads in a.threads:
        plans = []
        for upsampling in (1.25, 2):
            options = dict(eps=1e-4, dtype="complex64", nthreads=threads, upsampfac=upsampling)
            forward, adjoint = (finufft.Plan(kind, image.shape, **options) for kind in (2, 1))
            forward.setpts(*points)
            adjoint.setpts(*points)
            plans.append((forward, adjoint, forward.execute(image)))
        ours, peers = [], []
        for _ in range(a.rounds):
            words = ["radon", size, views, 1e-4, threads, a.runs]
            output = subprocess.run([binary, *map(str, words)], check=True, capture_output=True, text=True).stdout
            ours.append(json.loads(output))
            peers.append((min(seconds(lambda: f.execute(image), a.runs) for f, _, _ in plans),
                          min(seconds(lambda: b.execute(v), a.runs) for _, b, v in plans)))
        row = dict(problem=f"radon {size}^2 x {views} views", threads=threads, accuracy=1e-4)
        for index, way in enumerate(("forward", "adjoint")):
            row[way] = median([o[way] for o in ours])
            row[f"peer_{way}"] = median([p[index] for p in peers])
            row[f"{way}_ratio"] = median([o[way] / p[index] for o, p in zip(ours, peers)])
        row["fbp"] = median([o["fbp"] for o in ours])
        row["fbp_over_adjoint"] = median([o["fbp"] / o["adjoint"] for o in ours])
        print(json.dumps(row), flush=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--binary", default=str(HERE / ".build/release/OperatorsBenchmark"))
    p.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    p.add_argument("--accuracy", type=float, nargs="+", default=[1e-2, 1e-3, 1e-4, 1e-5, 1e-6])
    p.add_argument("--runs", type=int, default=11, help="applications in a row of which the median is taken")
    p.add_argument("--rounds", type=int, default=5, help="turns of ours and theirs")
    p.add_argument("--only", choices=("radial", "volume", "radon"))
    a = p.parse_args()
    if a.only in (None, "radial"):
        radial(a, a.binary, 256, 64, 2)
        radial(a, a.binary, 256, 402, 2)
        radial(a, a.binary, 512, 804, 2)
    if a.only in (None, "volume"):
        radial(a, a.binary, 64, 6434, 3)
    if a.only in (None, "radon"):
        tomography(a, a.binary, 512, 180)
        tomography(a, a.binary, 1024, 720)


if __name__ == "__main__":
    main()
