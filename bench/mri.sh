#!/usr/bin/env bash
# Reconstructs with BART (apt-get install bart) and with this package in turn; prints medians, their ratios and how far
# the results are apart, beside what is asked of them.
#     make bench-mri
#     ROUNDS=9 bash bench/mri.sh [brain.cfl without its ending]
#
# The time of BART is that of its process less that of one which only copies the k-space: start, reading and writing. Ours
# is from arrays in memory to the image, operators and plans included: `first` the first run of a process, `ours` the next.
#
# Sensitivities are compared inside the object, 3 pixels from its edge. In the rim some 0.7 % of the object's pixels are more
# than 1e-2 apart: where the second eigenvalue is above 0.8 of the first and the first coil sees little. The maps of BART
# are there, to 3e-5, what 30 steps of a power iteration from the first coil give, up to 1.2 from the eigenvector.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
ours=${MRI_BENCHMARK:-$here/.build/release/MRIBenchmark}
rounds=${ROUNDS:-7}
brain=${1:+$(realpath "$1.hdr")}
brain=${brain%.hdr}
command -v bart >/dev/null || { echo "BART is not there: apt-get install bart" >&2; exit 1; }
[ -x "$ours" ] || { echo "'$ours' is not there: make bench-mri builds it" >&2; exit 1; }
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$(nproc)}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"

# Appends the seconds that a command takes to a file.
clock() {
  local file=$1 start=$EPOCHREALTIME
  shift
  "$@" >/dev/null
  awk -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { print b - a }' >>"$file"
}
# The median of a column of a file.
median() {
  awk -v c="$2" '{ print $c }' "$1" | sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

bart phantom -x 256 -k -s 8 kspace
bart phantom -x 256 -S 8 maps
bart poisson -Y 256 -Z 256 -y 2 -z 2 -C 24 p >/dev/null
bart reshape 7 256 256 1 p pattern
bart fmac kspace pattern undersampled
bart traj -r -x 512 -y 64 t
bart scale 0.5 t trajectory
bart phantom -t trajectory -k -s 8 radial

for _ in $(seq "$rounds"); do
  clock copy bart copy kspace x
  clock cartesian-bart bart pics -S -i 30 -l2 -r 0.001 undersampled maps image
  "$ours" cartesian 1 undersampled maps image 30 0.001 >>cartesian
  clock radial-bart bart pics -S -i 30 -l2 -r 0.001 -t trajectory radial maps image2
  "$ours" radial 1 radial trajectory maps image2 30 0.001 >>radial
  clock espirit-bart bart ecalib -m1 -r 24 kspace sens
  "$ours" espirit 1 kspace sens 24 >>espirit
done

copy=$(median copy 1)
echo "$rounds rounds, $OMP_NUM_THREADS threads, 8 coils, 256²; $(bart version), to start, read and write $copy s"
printf '%-32s %9s %9s %9s %7s %9s   %s\n' '' 'BART / s' 'first / s' 'ours / s' ratio apart asked
line() {
  local theirs first mine
  theirs=$(median "$2-bart" 1) first=$(median "$2" 1) mine=$(median "$2" 2)
  awk -v n="$1" -v a="$theirs" -v o="$copy" -v f="$first" -v b="$mine" -v d="$(median "$2" "$3")" -v q="$4" \
    'BEGIN { printf "%-32s %9.4f %9.4f %9.4f %7.1f %9.1e   %s\n", n, a - o, f, b, (a - o) / b, d, q }'
}
line "Cartesian CG-SENSE, 30 steps" cartesian 3 "5, 1e-3"
line "64 spokes, CG-SENSE, 30 steps" radial 3 "5, 1e-2"
line "ESPIRiT, 24² calibration, worst" espirit 4 "2, 1e-2"
awk '{ printf "  ESPIRiT: rms %.1e inside the object, %.2f %% of its pixels over 1e-2 with its rim\n", $3, 100 * $5 }' espirit | tail -1

[ -n "$brain" ] || exit 0
cp "$brain.hdr" full.hdr
cp "$brain.cfl" full.cfl
read -r columns rows _ < <(sed -n 2p full.hdr)
bart poisson -Y "$columns" -Z "$rows" -y 2 -z 2 -C 24 p >/dev/null
bart reshape 7 "$columns" "$rows" 1 p pattern
bart fmac full pattern under
bart ecalib -m1 -r 24 under sens >/dev/null
bart fft -u -i 3 full coils
bart rss 8 coils truth
echo
echo "A head, $columns × $rows, $(bart pics -i 0 -l2 -r 1 under sens x | sed -n 's/.*Acc: //p')-fold: NRMSE of magnitudes against all samples"
printf '%-12s %8s %10s %10s %8s %9s\n' '' 'λ_BART' 'BART' 'ours' ratio apart
scale=$(bart pics -d4 -i 1 -R W:3:0:0.01 under sens x | sed -n 's/Inverse scaling of the data: //p')
real() {
  bart pics -S -i "$2" $4 under sens image >/dev/null
  "$ours" "$1" 0 under sens image "$2" "$(awk -v l="$3" -v s="$5" 'BEGIN { print l * s }')" truth |
    awk -v n="$1" -v l="$3" '{ printf "%-12s %8s %10.5f %10.5f %8.4f %9.1e\n", n, l, $5, $4, $4 / $5, $3 }'
}
real cg 30 0.01 "-l2 -r 0.01" 1
for lambda in 0.002 0.005 0.01 0.02; do
  real wavelet 100 $lambda "-R W:3:0:$lambda" "$scale"
  real tv 200 $lambda "-R T:3:0:$lambda" "$scale"
done
