# Every target is one call; `make help` lists them. AIRFLOW=3.2, 3.1 or 2.11 picks another supported Airflow.
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
# A stamp is named after the content of what is built from: in a fresh checkout every file is new.
content = $(shell cat $(1) | sha256sum | cut -c 1-16)
K8S_BUILT := $(K8S)/.built-$(call content,$(K8S_SOURCES))
KWOK_BUILT := $(K8S)/.kwok-$(call content,$(KWOK_SOURCES))
KUEUE_BUILT := $(K8S)/.kueue-$(call content,$(KUEUE_SOURCES))

# The tools of the venv come last: gcloud, kubectl and python3 of the machine are the ones under test.
export PATH := $(PATH):$(CURDIR)/$(BIN):$(CURDIR)/node_modules/bats/bin
export PYTHONPATH := $(CURDIR)/tests:$(CURDIR)/tests/dev
export AIRFLOW_VERSION := $(AIRFLOW)
export GKE_JOB_PYTHON := $(CURDIR)/$(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help install demo screenshot test check unit integration test-dags e2e test-google e2e-ui golden fuzz lint conformance kills stress strings bench bench-slots bench-follow scale soak test-repeat test-k8s \
  cluster cluster-stop k8s k8s-build k8s-pools k8s-stop dag airflow lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed node_modules/.installed ## everything the other targets need, into the checkout

# What is installed, and what a package without a wheel is built with, has one of the hashes of the pins.
$(VENV)/.installed: $(PINS)/airflow-$(AIRFLOW).txt $(PINS)/build.txt $(PINS)/uv.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --requirement $(PINS)/uv.txt
	$(BIN)/uv pip install --quiet --python $(VENV) --require-hashes --requirement $< \
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

# Only their source is read, whatever Python the tests run with.
.build/providers/.installed: tests/requirements/providers.txt | $(VENV)/.installed
	rm -rf $(@D)
	$(BIN)/uv pip install --quiet --target $(@D) --python-version 3.11 --no-deps --no-build --require-hashes --requirement $<
	touch $@

.build/beam/.installed: tests/requirements/beam.txt | $(VENV)/.installed
	rm -rf $(@D)
	$(BIN)/uv pip install --quiet --target $(@D) --python-version 3.11 --no-deps --no-build --require-hashes --requirement $<
	touch $@

# RUNLEVEL=1: nothing that is installed so is started.
APT_INSTALL := apt-get update --quiet=2 && RUNLEVEL=1 apt-get install --yes --quiet=2 --no-install-recommends
INSTALL_CHROMIUM = command -v chromium >/dev/null || { $(APT_INSTALL) chromium; }

# What a target needs that takes CLUSTER.
THE_CLUSTER := install $(if $(filter k8s,$(CLUSTER)),$(K8S_BUILT))

demo: $(THE_CLUSTER) ## a preemption, an OOMKilled and a sweep, shown as they happen, on CLUSTER=localgke, the stand-in for GKE, or k8s
	tests/dev/demo/run $(CLUSTER)

screenshot: demo ## the picture of a report in README.md, anew; Chromium as for e2e-ui
	$(INSTALL_CHROMIUM)
	$(BIN)/python tests/e2e/ui/screenshot.py .build/demo/finetune-1.html tests/dev/demo/report.png

test: install .build/providers/.installed ## everything that must pass: unit and integration, side by side
	bats tests/integration >.build/bats.log 2>&1 & bats=$$!; $(BIN)/python -m pytest; status=$$?; \
	  wait $$bats || status=$$?; cat .build/bats.log; exit $$status

check: lint ## what to run before a commit, in less than two minutes: lint, and the Python tests that need no Airflow and no cluster
	$(BIN)/python -m pytest -m unit --ignore tests/unit/dags tests/unit

unit: install .build/providers/.installed ## of these, the Python tests of tests/unit; ARGS go to pytest
	$(BIN)/python -m pytest tests/unit $(ARGS)

integration: install ## of these, each script with the real gcloud and kubectl against the stand-in; ARGS="tests/integration/FILE.bats"
	bats $(or $(ARGS),tests/integration)

golden: install ## what the templates render, templates/VALUES.md, the schemas and the recorded timelines, anew: read the diff
	PYTHONPATH=scripts/lib $(BIN)/python tests/unit/templates/values_files.py
	PYTHONPATH=scripts/lib $(BIN)/python tests/unit/templates/golden.py
	$(BIN)/python tests/unit/scripts/timeline/recorded_runs.py texts

test-dags: install .build/providers/.installed ## of these, what another AIRFLOW may change: the operator and the DAGs
	$(BIN)/python -m pytest tests/unit/dags

test-google: install .build/beam/.installed ## the example with Google's operators, on Airflow 3.3 with Google's provider (Python 3.11 or newer)
	$(MAKE) --silent install AIRFLOW=bench
	PYTHONPATH=$(PYTHONPATH):$(CURDIR)/.build/beam GKE_JOB_PYTHON=$(CURDIR)/.build/airflow-bench/bin/python \
	  .build/airflow-bench/bin/python -m pytest tests/unit/dags/google_operators.py

e2e-ui: install ## what people see of reports and in Airflow's UI, in a headless Chromium; without one it is installed (root, Debian)
	$(INSTALL_CHROMIUM)
	$(BIN)/python -m pytest tests/e2e/ui

# Redis and PostgreSQL are installed as Chromium is; the programs of PostgreSQL are not in PATH.
INSTALL_SERVICES := { command -v redis-server && compgen -G '/usr/lib/postgresql/*/bin/postgres'; } >/dev/null || \
  { $(APT_INSTALL) redis-server postgresql; }

e2e: install ## kills, retries, workers and triggerers with a whole Airflow as Composer's: Celery, Redis, PostgreSQL
	$(INSTALL_SERVICES)
	$(BIN)/python -m pytest $(addprefix tests/e2e/test_,kills.py waits.py fallbacks.py workers.py restarts.py)

bench-slots: install ## 100 Jobs on 4 worker slots, deferred and not, beside Airflow's operators; ARGS="--jobs N --seconds N --json FILE"
	$(MAKE) --silent install AIRFLOW=bench
	$(INSTALL_SERVICES)
	GKE_JOB_PYTHON=$(CURDIR)/.build/airflow-bench/bin/python .build/airflow-bench/bin/python tests/e2e/slots.py $(ARGS)

lint: install ## ShellCheck, shfmt, ruff, mypy, yamllint
	tests/lint

conformance: $(THE_CLUSTER) $(if $(filter k8s,$(CLUSTER)),$(KWOK_BUILT) $(KUEUE_BUILT)) .build/kubectl/.installed ## the cases that hold on every cluster, on CLUSTER=localgke, k8s or current; ARGS go to bats
	tests/conformance/run $(CLUSTER) $(ARGS)

kills: $(THE_CLUSTER) ## kills run-job at random moments on CLUSTER=localgke or k8s; ARGS="[--airflow] --count N --seed N"
	$(if $(findstring --airflow,$(ARGS)),$(INSTALL_SERVICES))
	tests/stress/kills $(CLUSTER) $(ARGS)

stress: $(THE_CLUSTER) ## 300 Jobs while things go wrong at random on CLUSTER=localgke or k8s; ARGS="--count N --seed N"
	tests/stress/stress $(CLUSTER) $(ARGS)

strings: $(THE_CLUSTER) ## hostile texts in every field while the scripts run, on CLUSTER=localgke or k8s; ARGS="--count N --seed N"
	tests/stress/strings $(CLUSTER) $(ARGS)

fuzz: install ## 10,000 hostile values through each template, 10,000 sequences of events through the follower, others every time
	$(BIN)/python -m pytest tests/unit/templates/test_fuzz.py tests/unit/scripts/following/test_*sequences.py --hypothesis-profile whole

bench: $(THE_CLUSTER) ## what waiting for a Job costs, beside KubernetesJobOperator; CLUSTER=localgke or k8s; ARGS="--jobs N --seconds N"
	$(MAKE) --silent install AIRFLOW=bench
	GKE_JOB_PYTHON=$(CURDIR)/.build/airflow-bench/bin/python AIRFLOW_VERSION=bench tests/performance/bench $(CLUSTER) $(ARGS)

bench-follow: $(THE_CLUSTER) ## what a run costs, beside another checkout; CLUSTER=localgke or k8s; ARGS="--other DIR [--at-once N] [--json FILE]"
	tests/performance/compare $(CLUSTER) $(ARGS)

scale: install $(K8S_BUILT) $(KWOK_BUILT) ## what up to 1,000 Jobs at once cost, and how late their ends are noticed; ARGS="--jobs N,... --ways WAY,... --json FILE --svg FILE"
	tests/performance/measure scale k8s $(ARGS)

soak: $(THE_CLUSTER) ## a wait of two hours that is disturbed all the time, on CLUSTER=localgke or k8s; ARGS="--minutes N --json FILE"
	tests/performance/measure soak $(CLUSTER) $(ARGS)

test-repeat: $(THE_CLUSTER) ## files of tests again and again, to find what fails now and then; ARGS="--count N [--filter REGEX] FILE..."
	$(BIN)/python tests/repeat.py --cluster $(CLUSTER) $(ARGS)

test-k8s: install $(K8S_BUILT) $(KWOK_BUILT) ## that the real Kubernetes starts, comes back and leaves nothing (root)
	bats tests/dev/k8s

cluster: install ## the stand-in to use by hand; prints what to export
	tests/dev/demo/cluster start localgke .build/cluster

cluster-stop: install ## end it
	tests/dev/demo/cluster stop localgke .build/cluster

k8s-build: $(K8S_BUILT) $(KWOK_BUILT) $(KUEUE_BUILT) ## what the tests on the real Kubernetes need

k8s: install $(K8S_BUILT) ## a real Kubernetes of one node to use by hand (root); prints what to export
	tests/dev/demo/cluster start k8s $(K8S)/state

k8s-pools: install $(KWOK_BUILT) ## node pools for it: nodes that KWOK plays, and an autoscaler; ARGS="--config FILE"
	$(BIN)/python -m k8s.pools start --state $(K8S)/state $(ARGS)

k8s-stop: install ## end it and remove every trace
	tests/dev/demo/cluster stop k8s $(K8S)/state

dag: $(THE_CLUSTER) ## your own DAG file, DAG=FILE.py, run once from begin to end on CLUSTER=localgke or k8s
	tests/dev/demo/dag '$(DAG)' $(CLUSTER)

airflow: install ## the Airflow UI on localhost, with the stand-in behind it
	tests/dev/demo/airflow

lock: install ## the newest versions of everything that install installs, with the hashes of their files
	$(PINS)/lock

clean: ## remove what the other targets made
	rm -rf .build node_modules
