#!/usr/bin/env bash
# Reconstructs with BART (apt-get install bart bc) and with this package, in turn, and prints times and differences.
#     swift build -c release --package-path bench && bash bench/mri.sh [PROGRAM] [brain.cfl without its ending]
set -eu
here=$(cd "$(dirname "$0")" && pwd)
ours=${1:-$here/.build/release/MRIBenchmark}
brain=${2:-}
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-2}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
exec 3>&1 >/dev/null
# The median of five runs after one to warm up.
seconds() {
  for _ in 1 2 3 4 5 6; do
    local s; s=$(date +%s.%N); "$@" >&2; echo "$(date +%s.%N) - $s" | bc
  done 2>/dev/null | tail -5 | sort -n | sed -n 3p
}
bart phantom -x 256 -k -s 8 kspace
bart phantom -x 256 -S 8 maps
bart poisson -Y 256 -Z 256 -y 2 -z 2 -C 24 p
bart reshape 7 256 256 1 p pattern
bart fmac kspace pattern undersampled
bart traj -r -x 512 -y 64 t
bart scale 0.5 t trajectory
bart phantom -t trajectory -k -s 8 radial
for round in 1 2; do
  echo "BART cartesian: $(seconds bart pics -S -i 30 -l2 -r 0.001 undersampled maps image) s" >&3
  "$ours" cartesian undersampled maps image 30 0.001 >&3
  echo "BART radial:    $(seconds bart pics -S -i 30 -l2 -r 0.001 -t trajectory radial maps image2) s" >&3
  "$ours" radial radial trajectory maps image2 30 0.001 >&3
  echo "BART ecalib:    $(seconds bart ecalib -m1 -r 24 kspace sens) s" >&3
  "$ours" espirit kspace sens 24 >&3
done
[ -n "$brain" ] || exit 0
cp "$brain.hdr" full.hdr
cp "$brain.cfl" full.cfl
bart poisson -Y 230 -Z 180 -y 2 -z 2 -C 24 p
bart reshape 7 230 180 1 p pattern
bart fmac full pattern under
bart ecalib -m1 -r 24 under sens
bart ecalib -m1 -r 24 -c 0 under sens0
bart fft -u -i 3 full coils
bart rss 8 coils truth
"$ours" espirit under sens 24 >&3
for r in 0.002 0.005 0.01 0.02; do
  bart pics -S -i 100 -R W:3:0:$r under sens wavelet
  echo "λ = $r" >&3
  "$ours" wavelet under sens truth $r 100 wavelet >&3
  bart pics -S -i 200 -R T:3:0:$r under sens tv
  "$ours" tv under sens truth $r 200 tv >&3
done
bart pics -S -i 30 -l2 -r 0.01 under sens cg
"$ours" cg under sens truth 0.01 30 cg >&3
