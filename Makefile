# `make help` lists the targets. AIRFLOW=2.11 selects another Airflow of tests/requirements/airflow-*.txt.
SHELL := bash
AIRFLOW ?= 3.3
PYTHON ?= python3
CLUSTER ?= localgke
VENV := .build/airflow-$(AIRFLOW)
BIN := $(VENV)/bin
PINS := tests/requirements
K8S := .build/k8s
KWOK_SOURCES := $(wildcard tests/dev/k8s/kwok/*) tests/dev/k8s/build-kwok
KUEUE_SOURCES := $(wildcard tests/dev/k8s/kueue/*) tests/dev/k8s/build-kueue
K8S_SOURCES := $(filter-out $(KWOK_SOURCES) $(KUEUE_SOURCES),$(wildcard tests/dev/k8s/*.go tests/dev/k8s/go.* \
  tests/dev/k8s/*/main.go tests/dev/k8s/*/go.* tests/dev/k8s/build* tests/dev/k8s/packages tests/dev/images/*/*.py) \
  tests/dev/k8s/images.py tests/dev/localgke/cluster.yaml)
# The name of a stamp has a hash of the sources, because in a fresh checkout the times of all files are new.
content = $(shell cat $(1) | sha256sum | cut -c 1-16)
K8S_BUILT := $(K8S)/.built-$(call content,$(K8S_SOURCES))
KWOK_BUILT := $(K8S)/.kwok-$(call content,$(KWOK_SOURCES))
KUEUE_BUILT := $(K8S)/.kueue-$(call content,$(KUEUE_SOURCES))

# The venv is last in PATH, because the tests use gcloud, kubectl and python3 of the machine.
export PATH := $(PATH):$(CURDIR)/$(BIN):$(CURDIR)/node_modules/bats/bin
export PYTHONPATH := $(CURDIR)/tests:$(CURDIR)/tests/dev
export AIRFLOW_VERSION := $(AIRFLOW)
export GKE_JOB_PYTHON := $(CURDIR)/$(BIN)/python
unexport PYTHONDONTWRITEBYTECODE
# Measurements run the scripts as Composer does: deploy-dags copies no bytecode. Tests leave some in this checkout.
bench bench-slots bench-follow scale soak: export PYTHONDONTWRITEBYTECODE = 1
REMOVE_BYTECODE := find scripts -name __pycache__ -prune -exec rm -r {} +

.DEFAULT_GOAL := help
.PHONY: help install demo screenshot test test-setup check unit integration test-dags e2e test-google e2e-ui golden fuzz lint conformance kills stress strings bench bench-readme bench-slots bench-follow scale soak test-repeat test-k8s \
  cluster cluster-stop k8s k8s-build k8s-pools k8s-stop dag airflow lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed node_modules/.installed ## install everything that the other targets need, into the checkout

# All packages, and the build requirements of packages without a wheel, are pinned with hashes. They are compiled as pip does:
# without bytecode each start of Airflow takes twice the processor time.
$(VENV)/.installed: $(PINS)/airflow-$(AIRFLOW).txt $(PINS)/build.txt $(PINS)/uv.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --requirement $(PINS)/uv.txt
	$(BIN)/uv pip install --quiet --compile-bytecode --python $(VENV) --require-hashes --requirement $< \
	  --require-build-hashes --build-constraints $(PINS)/build.txt
	touch $@

node_modules/.installed: package-lock.json
	npm ci --silent
	touch $@

$(K8S_BUILT): | install
	tests/dev/k8s/build $(K8S)/bin
	tests/dev/k8s/build-images $(K8S)
	rm -f $(K8S)/.built-*
	touch $@

$(KWOK_BUILT):
	tests/dev/k8s/build-kwok $(K8S)/bin
	rm -f $(K8S)/.kwok-*
	touch $@

$(KUEUE_BUILT):
	tests/dev/k8s/build-kueue $(K8S)/kueue
	rm -f $(K8S)/.kueue-*
	touch $@

.build/kubectl/.installed: $(VENV)/.installed $(PINS)/kubectl.txt
	tests/conformance/kubectls $(@D)
	touch $@

# Tests only read the source of these packages, so the Python version is independent of the tests.
.build/providers/.installed: tests/requirements/providers.txt | $(VENV)/.installed
	rm -rf $(@D)
	$(BIN)/uv pip install --quiet --target $(@D) --python-version 3.11 --no-deps --no-build --require-hashes --requirement $<
	touch $@

.build/beam/.installed: tests/requirements/beam.txt | $(VENV)/.installed
	rm -rf $(@D)
	$(BIN)/uv pip install --quiet --target $(@D) --python-version 3.11 --no-deps --no-build --require-hashes --requirement $<
	touch $@

# RUNLEVEL=1: installed services are not started.
APT_INSTALL := apt-get update --quiet=2 && RUNLEVEL=1 apt-get install --yes --quiet=2 --no-install-recommends
INSTALL_CHROMIUM = command -v chromium >/dev/null || { $(APT_INSTALL) chromium; }

# The prerequisites of the targets with CLUSTER.
THE_CLUSTER := install $(if $(filter k8s,$(CLUSTER)),$(K8S_BUILT))

demo: $(THE_CLUSTER) ## show a preemption, an OOMKilled Pod and a sweep, on CLUSTER=localgke, the stand-in for GKE, or k8s
	tests/dev/demo/run $(CLUSTER)

screenshot: demo ## renew the picture of a report in README.md; needs Chromium as e2e-ui does
	$(INSTALL_CHROMIUM)
	$(BIN)/python tests/e2e/ui/screenshot.py .build/demo/finetune-1.html tests/dev/demo/report.png

# The tests of a script are one target each, and run in parallel with the Python tests. SETUP_FILES are apart, because the real
# gcloud makes them slow.
BATS_FILES := $(wildcard tests/integration/*.bats)
SETUP_FILES := $(wildcard $(addprefix tests/integration/,check-setup.bats composer-guide.bats deploy-dags*.bats))
# The tests of deferred tasks take half of the time of test-dags.
DEFERRED_TESTS := $(wildcard $(addprefix tests/unit/dags/test_,deferr*.py trigger*.py shared_watch*.py))
DAG_TESTS := test-deferred test-not-deferred
IN_PARALLEL := $(MAKE) --no-print-directory --keep-going --output-sync --jobs $$(($$(nproc) + 2))
.PHONY: $(BATS_FILES) $(DAG_TESTS) test-python
$(BATS_FILES): install
	bats --timing $@

test: install .build/providers/.installed ## run the tests that must pass before a push: unit and integration, in parallel
	$(IN_PARALLEL) $(DAG_TESTS) test-python $(filter-out $(SETUP_FILES),$(BATS_FILES))

test-setup: install ## run the tests of what sets up an environment, in parallel: check-setup, deploy-dags, the Composer guide
	$(IN_PARALLEL) $(SETUP_FILES)

test-python: install .build/providers/.installed
	$(BIN)/python -m pytest --ignore tests/unit/dags

check: lint ## run before a commit, in less than two minutes: lint, and the Python tests without Airflow and cluster
	$(BIN)/python -m pytest -m unit --ignore tests/unit/dags tests/unit

unit: install .build/providers/.installed ## run only the Python tests of tests/unit; ARGS go to pytest
	$(BIN)/python -m pytest tests/unit $(ARGS)

integration: install ## run only the tests of each script with the real gcloud and kubectl on the stand-in; ARGS="tests/integration/FILE.bats"
	bats $(or $(ARGS),tests/integration)

golden: install ## renew the golden manifests, templates/VALUES.md, the schemas, the exit codes and the recorded timelines; review the diff
	PYTHONPATH=scripts/lib $(BIN)/python tests/unit/scripts/exit_code_files.py
	PYTHONPATH=scripts/lib $(BIN)/python tests/unit/templates/values_files.py
	PYTHONPATH=scripts/lib $(BIN)/python tests/unit/templates/golden.py
	$(BIN)/python tests/unit/scripts/timeline/recorded_runs.py texts

test-dags: install .build/providers/.installed ## run only the tests that depend on AIRFLOW: the operator and the DAGs
	$(IN_PARALLEL) $(DAG_TESTS)

test-deferred: install .build/providers/.installed
	$(BIN)/python -m pytest $(DEFERRED_TESTS)

test-not-deferred: install .build/providers/.installed
	$(BIN)/python -m pytest tests/unit/dags $(addprefix --ignore ,$(DEFERRED_TESTS))

test-google: install .build/beam/.installed ## test the example with Google's operators, on Airflow 3.3 with Google's provider (Python 3.11 or newer)
	$(MAKE) --silent install AIRFLOW=bench
	PYTHONPATH=$(PYTHONPATH):$(CURDIR)/.build/beam GKE_JOB_PYTHON=$(CURDIR)/.build/airflow-bench/bin/python \
	  .build/airflow-bench/bin/python -m pytest tests/unit/dags/google_operators.py

e2e-ui: install ## test the reports and Airflow's UI in a headless Chromium, which is installed if it is missing (root, Debian)
	$(INSTALL_CHROMIUM)
	$(BIN)/python -m pytest tests/e2e/ui

# Redis and PostgreSQL are installed if they are missing; the programs of PostgreSQL are not in PATH.
INSTALL_SERVICES := { command -v redis-server && compgen -G '/usr/lib/postgresql/*/bin/postgres'; } >/dev/null || \
  { $(APT_INSTALL) redis-server postgresql; }

e2e: install ## test kills, retries, workers and triggerers with a complete Airflow as in Composer: Celery, Redis, PostgreSQL
	$(INSTALL_SERVICES)
	$(BIN)/python -m pytest $(addprefix tests/e2e/test_,kills.py waits.py fallbacks.py workers.py restarts.py)

bench-slots: install ## measure 100 Jobs on 4 worker slots, deferred and not, and with Airflow's operators; ARGS="--jobs N --seconds N --json FILE"
	$(MAKE) --silent install AIRFLOW=bench
	$(INSTALL_SERVICES)
	$(REMOVE_BYTECODE)
	GKE_JOB_PYTHON=$(CURDIR)/.build/airflow-bench/bin/python .build/airflow-bench/bin/python tests/e2e/slots.py $(ARGS)

lint: install ## run ShellCheck, shfmt, ruff, mypy, yamllint
	tests/lint

conformance: $(THE_CLUSTER) $(if $(filter k8s,$(CLUSTER)),$(KWOK_BUILT) $(KUEUE_BUILT)) .build/kubectl/.installed ## run the conformance tests on CLUSTER=localgke, k8s or current; ARGS go to bats
	tests/conformance/run $(CLUSTER) $(ARGS)

kills: $(THE_CLUSTER) ## kill run-job at random moments on CLUSTER=localgke or k8s; ARGS="[--airflow] --count N --seed N"
	$(if $(findstring --airflow,$(ARGS)),$(INSTALL_SERVICES))
	tests/stress/kills $(CLUSTER) $(ARGS)

stress: $(THE_CLUSTER) ## run 300 Jobs with random faults on CLUSTER=localgke or k8s; ARGS="--count N --seed N"
	tests/stress/stress $(CLUSTER) $(ARGS)

strings: $(THE_CLUSTER) ## write hostile texts into every field while the scripts run, on CLUSTER=localgke or k8s; ARGS="--count N --seed N"
	tests/stress/strings $(CLUSTER) $(ARGS)

fuzz: install ## test 10,000 random values with each template, and 10,000 random sequences of events with the follower
	$(BIN)/python -m pytest tests/unit/templates/test_fuzz.py tests/unit/scripts/following/test_*sequences.py --hypothesis-profile whole

bench: $(THE_CLUSTER) ## race with the operators of Airflow and a script of kubectl, in more than an hour; CLUSTER=localgke or k8s; ARGS=--short, "--only PART --rounds N"
	$(MAKE) --silent install AIRFLOW=bench
	$(INSTALL_SERVICES)
	$(REMOVE_BYTECODE)
	GKE_JOB_PYTHON=$(CURDIR)/.build/airflow-bench/bin/python tests/performance/bench $(CLUSTER) $(ARGS)

bench-readme: install ## write the figures of the last `make bench` into tests/performance/README.md
	$(BIN)/python -m performance.readme .build/bench.json

bench-follow: $(THE_CLUSTER) ## compare the cost of a run with another checkout; CLUSTER=localgke or k8s; ARGS="--other DIR [--at-once N] [--json FILE]"
	$(REMOVE_BYTECODE)
	tests/performance/compare $(CLUSTER) $(ARGS)

scale: install $(K8S_BUILT) $(KWOK_BUILT) ## measure the cost of up to 1,000 Jobs at once, and the delay until their end is noticed; ARGS="--jobs N,... --ways WAY,... --json FILE --svg FILE"
	$(REMOVE_BYTECODE)
	tests/performance/measure scale k8s $(ARGS)

soak: $(THE_CLUSTER) ## disturb a wait of two hours all the time, on CLUSTER=localgke or k8s; ARGS="--minutes N --json FILE"
	$(REMOVE_BYTECODE)
	tests/performance/measure soak $(CLUSTER) $(ARGS)

test-repeat: $(THE_CLUSTER) ## repeat test files to find the tests that fail sometimes; ARGS="--count N [--filter REGEX] FILE..."
	$(BIN)/python tests/repeat.py --cluster $(CLUSTER) $(ARGS)

test-k8s: install $(K8S_BUILT) $(KWOK_BUILT) ## test that the real Kubernetes starts, restarts its components and leaves nothing (root)
	bats tests/dev/k8s

cluster: install ## start the stand-in for use from a shell; print the variables to export
	tests/dev/demo/cluster start localgke .build/cluster

cluster-stop: install ## stop the stand-in
	tests/dev/demo/cluster stop localgke .build/cluster

k8s-build: $(K8S_BUILT) $(KWOK_BUILT) $(KUEUE_BUILT) ## build everything for the tests on the real Kubernetes

k8s: install $(K8S_BUILT) ## start a real Kubernetes of one node for use from a shell (root); print the variables to export
	tests/dev/demo/cluster start k8s $(K8S)/state

k8s-pools: install $(KWOK_BUILT) ## start node pools for it: nodes simulated by KWOK, and an autoscaler; ARGS="--config FILE"
	$(BIN)/python -m k8s.pools start --state $(K8S)/state $(ARGS)

k8s-stop: install ## stop the real Kubernetes and remove every trace
	tests/dev/demo/cluster stop k8s $(K8S)/state

dag: $(THE_CLUSTER) ## run your own DAG file, DAG=FILE.py, once on CLUSTER=localgke or k8s
	tests/dev/demo/dag '$(DAG)' $(CLUSTER)

airflow: install ## start the Airflow UI on localhost, with the stand-in as its cluster
	tests/dev/demo/airflow

lock: install ## renew the pins: the newest versions of all packages of install, with the hashes of their files
	$(PINS)/lock

clean: ## remove the output of the other targets
	rm -rf .build node_modules
