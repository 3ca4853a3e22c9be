# SPDX-License-Identifier: MIT
# A short front for CMake and Ninja; `make help` lists the targets.

PREFIX ?= /usr/local
DESTDIR ?=
JOBS ?= $(shell nproc)

r1 = build/release/r1
sources = $(shell find src tests bench -name '*.[ch]' 2>/dev/null)

.DEFAULT_GOAL := release
.PHONY: help zero release test check check-long bench install format setup clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

zero: release ## install what is missing, build, and watch a base model learn to reason (runs/r1-zero)
	$(r1) run recipes/r1-zero.yaml --out runs/r1-zero

release: setup ## build the program: build/release/r1
	@test -f build/release/build.ninja || cmake -S . -B build/release -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_COMPILER="$(CC)"
	@ninja -C build/release -j $(JOBS)

test: release ## install what is missing, build, and run every test
	ctest --test-dir build/release --output-on-failure --no-tests=error -j $(JOBS)

check: ## before a commit: gcc and clang, sanitizers, every ISA, one and two threads, formatting
	tools/check.sh

check-long: ## the same with the long tests
	R1_TEST_LONG=1 tools/check.sh

bench: release ## measure this machine; lines go to bench/results/<machine>.csv
	tools/bench.sh $(r1)

install: release ## install under PREFIX (default /usr/local); DESTDIR is honoured
	DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(PREFIX)"

format: ## lay out the source by .clang-format
	tools/setup.sh format
	$$(tools/find-tool.sh clang-format) -i $(sources)

setup: ## install the Debian packages that are missing
	@tools/setup.sh

clean: ## remove everything that was built (runs/ stays)
	rm -rf build
