# make demo: judge the sample election night and write its HTML report.  make test: every check.
# Both make .venv and build the core themselves; once that is done they work without network.

PYTHON ?= python3
BIN := .venv/bin
DEPS := .venv/.deps
CORE := .venv/.core
RUST := $(shell find native/src native/tests -name '*.rs' 2>/dev/null) native/Cargo.toml native/Cargo.lock
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test bench clean
demo: $(CORE)
	@$(BIN)/flowwatch demo -o demo-report

test: $(CORE)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest flowwatch._native
	$(BIN)/lint-imports
	cd native && cargo fmt --check
	cd native && cargo clippy --offline --locked --all-targets --features python -- -D warnings
	cd native && cargo test --offline --locked --quiet
	$(BIN)/python -W error -m pytest

bench: $(CORE)
	$(BIN)/python -m tests.bench.bench

clean:
	rm -rf .venv native/target build dist demo-report flowwatch/_native*.so

$(DEPS): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet "pip>=25.1"
	$(BIN)/python -m pip install --quiet --group dev
	cargo fetch --locked --manifest-path native/Cargo.toml
	rm -f $(CORE)
	touch $@

$(CORE): $(DEPS) $(RUST)
	CARGO_NET_OFFLINE=true $(BIN)/python -m pip install --quiet $(if $(wildcard $(CORE)),--no-deps) --no-build-isolation -e .
	touch $@
