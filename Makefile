# `make test` is everything a change must pass: the tests first, because they
# say most, then `make check`. Every stage prints how long it took.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := test

BUF_VERSION := 1.75.0
BUF := target/buf/node_modules/.bin/buf
PYPMML_VERSION := 1.5.8
PYPMML := target/pypmml/bin/python
BASELINE := $(shell cat proto/BASELINE)
# Of a comparison with other queues.
PEERS_ROWS ?= 100000
PEERS_ROUNDS ?= 5

define stage
@echo "== $(1)"; started=$$SECONDS; $(2); echo "== $(1): $$((SECONDS - started)) s"
endef

.PHONY: test check tests postgres citus chaos soak peers peers-queues peers-scoring pmml fmt clippy doc proto

## The tests, then every check.
test: tests postgres
	@$(MAKE) --no-print-directory check

## Everything that is not a test.
check: fmt clippy doc proto

## Some of them call the server by buf, a client that is not ours.
tests: $(BUF)
	$(call stage,tests,ARREARS_BUF=$(abspath $(BUF)) cargo test --locked)

## The same tests through the service, on PostgreSQL, and chaos also behind pgbouncer.
postgres: $(BUF)
	$(call stage,tests on PostgreSQL,ARREARS_BUF=$(abspath $(BUF)) \
		ARREARS_TEST_STAGE=postgres .ci/with-postgres cargo test --locked --lib --test it)
	$(call stage,chaos,ARREARS_CHAOS=short .ci/with-postgres \
		cargo test --locked --test chaos -- --nocapture)

## The same tests on a Citus cluster of three nodes, where Citus is installed. Every test
## distributes its tables anew, which takes a second or two each.
citus: $(BUF)
	$(call stage,tests on Citus,ARREARS_BUF=$(abspath $(BUF)) \
		.ci/with-citus cargo test --locked --lib --test it)

## Three servers over a PostgreSQL that breaks, for ten minutes and 300 faults; then for a
## third of that each behind a pooler and over a tenant in several parts. It prints its
## seeds; ARREARS_CHAOS_SEED=<seed> draws the same faults again.
chaos:
	$(call stage,chaos,ARREARS_CHAOS=long .ci/with-postgres \
		cargo test --locked --test chaos chaos:: -- --nocapture --test-threads=1)

fmt:
	$(call stage,format,cargo fmt --check)

clippy:
	$(call stage,clippy,cargo clippy --locked --all-targets -- -D warnings)

doc:
	$(call stage,documents,RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps)

## A million mixed operations against a running server, then everything it left is
## judged; minutes. The tests do the same with twenty thousand.
soak:
	$(call stage,soak,ARREARS_SOAK_OPERATIONS=1000000 cargo test --locked --test it soak::a_soak_leaves -- --nocapture)

## Beside others, in one run on this machine; minutes: leasing and reporting beside other
## queues, trying a scorecard beside DuckDB, Polars and zen-engine.
## PEERS_ROWS=20000 is a look at whether it works, PEERS_ROWS=1000000 a measurement.
peers: peers-queues peers-scoring

peers-queues:
	$(call stage,other queues,.ci/peers $(PEERS_ROWS) $(PEERS_ROUNDS) target/peers)

peers-scoring:
	$(call stage,other ways to score,.ci/peers-scoring $(PEERS_ROWS) $(PEERS_ROUNDS) target/peers-scoring)

## PMML that we write, scored by an engine that is not ours: 11,000 cases. It needs Java.
pmml: $(PYPMML)
	$(call stage,PMML,ARREARS_PYPMML=$(abspath $(PYPMML)) \
		cargo test --locked --test it exports::an_engine_of_pmml -- --nocapture)

## The contract: its style, and that nothing a client of the baseline relies on
## is broken. The baseline is taken from git by its commit, so that a worktree
## or an unpacked clone works alike.
proto: $(BUF)
	$(call stage,buf lint,$(BUF) lint)
	$(call stage,buf breaking,.ci/breaking $(BUF) $(BASELINE))

$(BUF):
	$(call stage,install buf,.ci/install-buf $(BUF_VERSION) target/buf)

$(PYPMML):
	$(call stage,install pypmml,.ci/install-pypmml $(PYPMML_VERSION) target/pypmml)
