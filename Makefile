# Two commands matter: `make run` starts a three-node cluster on this machine, `make test` checks everything.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help run test check unit cluster sim chaos mutants bench bench-quick scale build package clean node-version

STAMP := node_modules/.package-lock.json
SOURCES := $(shell find raft src -name '*.ts' 2>/dev/null)

help:
	@echo 'make run      three nodes on this machine: API on 8080, 8081 and 8082; Ctrl-C stops them'
	@echo 'make test     every check and test'
	@echo 'make check    format, lint and types'
	@echo 'make unit     the tests that need no processes'
	@echo 'make cluster  the tests on real processes'
	@echo 'make sim      the simulator on all cores: SEEDS=10000, SEEDS=5000-5999 or SEED=345'
	@echo 'make mutants  plants bugs that the tests must notice, one at a time; takes a while'
	@echo 'make chaos    five minutes of faults on real processes: CHAOS_SECONDS, CHAOS_SEED, CHAOS_NODES'
	@echo 'make bench    compares with etcd, PostgreSQL and Redis: CLAIMS="put-over-grpc ...", ROUNDS, CLIENTS; bench-quick has fewer rounds'
	@echo 'make scale    how one node and a cluster grow: 1,000,000 allocations, full networks, leases that end; a quarter of an hour'
	@echo 'make package  ipam-VERSION.tgz, to install with npm, and sbom.json, what is in it'
	@echo 'make clean    forget what was built; data stays'

run: build
	@exec node dist/src/main.js local-cluster

test: check unit cluster

check: $(STAMP)
	npm run --silent check

unit: $(STAMP)
	@scripts/install-test-programs openssl shellcheck
	npm test --silent

cluster: build
	@scripts/install-test-programs chromium curl haproxy jq nginx openssl prometheus strace
	npm run --silent test:cluster

sim: $(STAMP)
	@npx tsx test/sim/fleet.ts

mutants: $(STAMP)
	@npx tsx test/mutants/run.ts

# Seeds count up from CHAOS_SEED until the time is over; a failure prints its own.
chaos: build
	CHAOS_SECONDS=$${CHAOS_SECONDS:-300} CHAOS_SEED=$${CHAOS_SEED:-$$(date +%s)} npm run --silent test:cluster -- test/cluster/chaos.test.ts

# The report is in bench-report; a peer that is not installed is named there with what installs it.
bench: build
	@npx tsx bench/run.ts $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(CLIENTS),--clients $(CLIENTS)) $(CLAIMS)

bench-quick: build
	@npx tsx bench/run.ts --quick $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(CLIENTS),--clients $(CLIENTS)) $(CLAIMS)

# Each exits with 1 where a claim does not hold; the others are measured all the same.
scale: build
	@failed=0; for claim in scale address-space expiry; do npx tsx bench/$$claim.ts || failed=1; done; exit $$failed

build: dist/.built

dist/.built: $(STAMP) $(SOURCES) package.json tsconfig.json tsconfig.build.json tsconfig.client.json
	@npm run --silent build
	@touch $@

# From nothing, so that the same sources give the same bytes.
package: clean
	@$(MAKE) --no-print-directory build
	@npm pack --ignore-scripts --loglevel=error
	@scripts/sbom > sbom.json

# Installed again whenever the lock file is newer than what it led to.
$(STAMP): package-lock.json | node-version
	npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
	@touch $@

node-version:
	@command -v node >/dev/null || { echo 'ipam: Node.js is missing: install version 20.19 or newer' >&2; exit 1; }
	@node -e 'var v = process.versions.node.split(".").map(Number); if (v[0] < 20 || (v[0] === 20 && v[1] < 19)) { console.error("ipam: Node.js " + process.versions.node + " is too old: install version 20.19 or newer"); process.exit(1) }'

clean:
	rm -rf dist
