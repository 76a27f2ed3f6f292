# make wheel: what is installed elsewhere, in dist/.
# make demo: judge the sample election night and write its HTML report.  make test: every check.
# make fuzz: each fuzz target of the core for FUZZ_SECONDS, with the stable toolchain (and g++).
# Both make .venv and build the core themselves; once that is done they work without network.

PYTHON ?= python3
BIN := .venv/bin
DEPS := .venv/.deps
CORE := .venv/.core
RUST := $(shell find native/src native/tests -name '*.rs' 2>/dev/null) native/Cargo.toml native/Cargo.lock
HOST = $(shell rustc -vV | sed -n 's/host: //p')
FUZZ_SECONDS ?= 900
FUZZ_TARGETS ?= container packet dns tls quic http x509
# Coverage for libFuzzer; no sanitizer, since the core has no unsafe code. --target keeps build scripts without it.
SANCOV := --cfg fuzzing -Cpasses=sancov-module $(addprefix -Cllvm-args=-sanitizer-coverage-,\
	level=4 inline-8bit-counters pc-table trace-compares)
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test wheel bench bench-logs bench-check bench-judge fuzz clean
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
	$(BIN)/python -W error -m pytest -n auto --dist worksteal

wheel: $(CORE)
	CARGO_NET_OFFLINE=true $(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation -w dist .

bench: $(CORE)
	$(BIN)/python -m tests.bench.bench

bench-logs: $(CORE)
	$(BIN)/python -m tests.bench.logs

bench-check: $(CORE)
	$(BIN)/python -m tests.bench.check

bench-judge: $(CORE)
	$(BIN)/python -m tests.bench.judging

fuzz:
	cd native/fuzz && RUSTFLAGS="$(SANCOV)" cargo build --locked --release --target $(HOST)
	cd native/fuzz && for target in $(FUZZ_TARGETS); do \
		mkdir -p corpus/$$target artifacts && \
		target/$(HOST)/release/$$target -max_total_time=$(FUZZ_SECONDS) -max_len=65536 -timeout=10 \
			-rss_limit_mb=512 -print_final_stats=1 -artifact_prefix=artifacts/$$target- \
			corpus/$$target seeds/$$target $$(ls -d regressions/$$target 2>/dev/null) || exit 1; \
	done

clean:
	rm -rf .venv native/target native/fuzz/target build dist demo-report flowwatch/_native*.so

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
