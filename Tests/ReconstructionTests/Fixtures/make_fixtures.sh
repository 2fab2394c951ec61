#!/usr/bin/env bash
# Remakes the files beside it with BART 0.8.00 (apt-get install bart): what another program finds in the same data.
set -eu
cd "$(dirname "$0")"
export OMP_NUM_THREADS=1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# Three coils of the Shepp-Logan phantom, 28 columns (BART's first dimension) by 24 rows; odd extents go wrong in `pics`.
bart phantom -x 28 -k -s 3 "$dir/square"
bart resize -c 1 24 "$dir/square" kspace
bart ecalib -m1 -r 16 -k 5 -c 0 kspace maps
bart upat -Y 28 -Z 24 -y 2 -z 2 -c 6 "$dir/p"
bart reshape 7 28 24 1 "$dir/p" "$dir/pattern"
bart fmac kspace "$dir/pattern" "$dir/under"
bart fmac "$dir/pattern" "$dir/pattern" pattern
bart pics -S -i 20 -l2 -r 0.01 "$dir/under" maps image
# The same coils along 20 spokes of 48 samples, two-fold oversampled along the shorter axis; the k-space is in closed form.
bart traj -r -x 48 -y 20 "$dir/t"
bart scale 0.5 "$dir/t" trajectory
bart phantom -t trajectory -k -s 3 radial
bart pics -S -i 20 -l2 -r 1 -t trajectory radial maps radial_image
# The other lines name folders of the machine.
for file in *.hdr; do sed -i 3,\$d "$file"; done
chmod 644 *.hdr *.cfl
