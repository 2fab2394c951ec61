# make setup       installs what is missing (Debian 12, or a newer one with these packages)
# make build       builds .build/release/deft, and libDeftTorch.so beside it
# make demo        reconstructs a simulated scan of the shipped phantom, with a report
# make test        runs all tests
# make test-slurm  runs a pipeline on a Slurm cluster of this machine alone
# make bench       measures the operators, and the reading of stacks and projections
# make bench-mri   measures MRI reconstructions beside BART, a Debian package
# make soak        reads up to 100,000 damaged files of every format, with sanitisers
# make lint        checks the format of the sources
# make format      formats the sources
#
# Another libtorch, such as a newer one:  make LIBTORCH=/path/to/libtorch …

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := build
.PHONY: setup setup-test build demo test test-slurm bench bench-mri soak lint format

ifdef LIBTORCH
export LIBTORCH
else
TORCH := libtorch-dev
endif

PACKAGES := g++ libfftw3-dev libtiff-dev libnifti2-dev libhdf5-dev libismrmrd-dev libgdcm-dev $(TORCH)
TEST_PACKAGES := chromium
SLURM_PACKAGES := slurm-wlm munge
DEFT := .build/release/deft
DEMO := out/demo

# Installs the packages of $(1) that are not there.
define install
missing=(); \
for package in $(1); do \
  dpkg -s "$$package" 2>/dev/null | grep -q '^Status: .* installed$$' || missing+=("$$package"); \
done; \
if [ $${#missing[@]} -gt 0 ]; then \
  echo "installing $${missing[*]}" >&2; \
  root=(); [ "$$(id -u)" = 0 ] || root=(sudo); \
  "$${root[@]}" apt-get update -qq >&2; \
  "$${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "$${missing[@]}" >&2; \
fi
endef

setup:
	@command -v dpkg >/dev/null || { \
	  echo "make setup installs Debian packages; on another system install FFTW 3, libtiff 4.5, libnifti2, HDF5 1.10, libismrmrd 1.8, GDCM 3.0 and libtorch yourself" >&2; \
	  exit 1; }
	@$(call install,$(PACKAGES))
	@version=$$({ swift --version 2>/dev/null || true; } | sed -n 's/.*Swift version \([0-9]*\.[0-9]*\).*/\1/p' | head -n 1); \
	if [ -z "$$version" ] || [ "$$(printf '%s\n6.1\n' "$$version" | sort -V | head -n 1)" != 6.1 ]; then \
	  echo "Swift 6.1 or newer is needed$${version:+, found $$version}. Install it with swiftly:" >&2; \
	  echo "  curl -O https://download.swift.org/swiftly/linux/swiftly-$$(uname -m).tar.gz" >&2; \
	  echo "  tar zxf swiftly-$$(uname -m).tar.gz && ./swiftly init" >&2; \
	  echo "or from https://www.swift.org/install/linux, and put its 'swift' on the PATH." >&2; \
	  exit 1; \
	fi

# The report is tested in a browser.
setup-test: setup
	@$(call install,$(TEST_PACKAGES))

build: setup
	swift build -c release --product deft
	swift build -c release --product DeftTorch

demo: build
	@mkdir -p $(DEMO)
	$(DEFT) phantom phantoms/thorax.yaml --size 256 --slices 4 --output $(DEMO)/truth.tif
	$(DEFT) simulate pipelines/sparse-view-ct.yaml --phantom phantoms/thorax.yaml --slices 4 --noise 0.01 \
	  --seed 1 --output $(DEMO)/scan.tif
	@# 3 is a finished run with slices that failed their verdict: the report is there and says why.
	$(DEFT) run pipelines/sparse-view-ct.yaml --input $(DEMO)/scan.tif --output $(DEMO) --restart || [ $$? = 3 ]
	@echo
	@echo "report:   $(DEMO)/report.html"
	@find $(DEMO) -name '*.png' | sort | sed 's/^/picture:  /'
	@echo "volume:   $(DEMO)/volume.tif"
	@echo "truth:    $(DEMO)/truth.tif"

test: setup-test
	swift test -c release

# Only the superuser may start slurmd.
test-slurm: build
	@$(call install,$(SLURM_PACKAGES))
	root=(); [ "$$(id -u)" = 0 ] || root=(sudo); "$${root[@]}" env DEFT=$(DEFT) PATH="$$PATH" Tests/Slurm/test-slurm.sh

bench: build
	$(DEFT) verify --size 256 --angles 60
	$(DEFT) verify --size 512 --angles 180
	$(DEFT) verify --size 1024 --angles 720 --operator radon
	$(DEFT) verify --size 512 --angles 360 --operator fan
	swift run -c release --package-path bench VolumesBenchmark $${TMPDIR:-/tmp}
	swift run -c release --package-path bench ProjectionsBenchmark $${TMPDIR:-/tmp}

# Headers whose C becomes part of Swift modules are instrumented by the flags of -Xcc alone. What is undefined in C ends a
# Swift program anyway.
SANITIZE := -fsanitize=address,undefined -fno-sanitize=vptr,function -fno-sanitize-recover=all
# The program ends at the first allocation that is too large, and as soon as it uses too much in all: the tests allow pages of
# 1 MiB, but Zstandard's window, which no library bounds, is 128 MiB and its lists a little more; 64 MiB of freed memory are
# kept apart to notice their use. Reports lie beside the build, also those of the processes that libhdf5, libismrmrd and
# GDCM run in. These may end within a library: that is a damaged file; naming the functions of each would take longer than
# all else. Every format is a run of its own, for what one leaves in memory is copied for every process of the next.
REPORTS := $(CURDIR)/.build-sanitize/reports
SANITIZED := -c release --scratch-path .build-sanitize --sanitize address \
  $(foreach flag,$(SANITIZE),-Xcc $(flag) -Xcxx $(flag))
# Where the first frame lies that is not the sanitizer's: right behind the top or, where its own check has failed, some
# frames down.
define IN_A_LIBRARY
{ all[FILENAME] }
/CHECK failed/ { check[FILENAME] }
/ #[0-9] .*[.]so/ && !/libswift|libdispatch/ && (/ #[0-2] / || FILENAME in check) { library[FILENAME] }
END { for (name in all) if (!(name in library)) { print "not within a library: " name; found = 1 } exit found }
endef
export IN_A_LIBRARY
soak: setup
	@rm -rf $(REPORTS); mkdir -p $(REPORTS)
	swift build --build-tests $(SANITIZED)
	@export DEFT_SOAK=100000; \
	export ASAN_OPTIONS=detect_leaks=0:max_allocation_size_mb=160:quarantine_size_mb=64:hard_rss_limit_mb=2048:symbolize=0:log_path=$(REPORTS)/report; \
	suites=$$(grep -rhoE 'struct [A-Za-z0-9]+MutationTests' Tests | cut -d' ' -f2 | sort -u); \
	[ -n "$$suites" ] || { echo "no suite of damaged files"; exit 1; }; \
	failed=0; for suite in $$suites; do \
	  swift test --skip-build $(SANITIZED) --filter "[.]$$suite/" | tee $(REPORTS).log || failed=1; \
	  grep -q 'with [1-9][0-9]* test' $(REPORTS).log || { echo "$$suite: no test was run"; failed=1; }; \
	done; \
	find $(REPORTS) -type f -exec awk "$$IN_A_LIBRARY" {} + || failed=1; exit $$failed

bench-mri: setup
	@$(call install,bart)
	swift build -c release --package-path bench --product MRIBenchmark
	bash bench/mri.sh

lint:
	swift format lint --strict --recursive --configuration .swift-format Package.swift Sources Tests

format:
	swift format --in-place --recursive --configuration .swift-format Package.swift Sources Tests
