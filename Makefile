# What one does with this repository; `make help` lists it.
.DEFAULT_GOAL := help
.PHONY: help demo build test fmt bench bench-scale fuzz screenshots

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: build ## build everything and open the console on the embedded cluster (ARGS="--seed 7 --speed 4")
	@echo "Starting the demo; Ctrl C ends it."
	@target/release/pilothouse demo $(ARGS)

build: ## build the program into target/release/pilothouse
	@echo "Building pilothouse (a few minutes the first time) ..."
	@cargo build --release --quiet -p pilothouse

test: ## every check: format, lints, unit tests, real and embedded clusters, browser
	@scripts/test

fmt: ## format the Rust code
	@cargo fmt --all

bench: ## measure rooms: parse, project, filter, sort, window
	@cargo bench --quiet -p pilothouse-columns -p pilothouse-query -p pilothouse-store

bench-scale: build ## measure the figures of scale on a real API server (N=100000, EMBEDDED=1, KEEP=folder, ARGS="--json file")
	@echo "Building what measures ..."
	@cargo build --release --quiet -p pilothouse-harness --example bench_scale
	@cargo build --release --quiet --manifest-path tests/reflector/Cargo.toml --target-dir target
	@target/release/examples/bench_scale --pods $(or $(N),100000) $(if $(EMBEDDED),--embedded) $(if $(KEEP),--keep $(KEEP)) $(ARGS)

screenshots: ## make the pictures of the documentation again
	@scripts/screenshots

fuzz: ## look for input that breaks a promise, for a bounded time (SECONDS=60 for each target)
	@scripts/fuzz $(or $(SECONDS),60)
