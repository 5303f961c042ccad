# Every target is one call; `make help` lists them. AIRFLOW=2.11 picks the other supported Airflow.
SHELL := bash
AIRFLOW ?= 3.3
PYTHON ?= python3
CLUSTER ?= localgke
VENV := .build/airflow-$(AIRFLOW)
BIN := $(VENV)/bin
UV_VERSION := 0.13.9

# The tools of the venv come last: gcloud, kubectl and python3 of the machine are the ones under test.
export PATH := $(PATH):$(CURDIR)/$(BIN):$(CURDIR)/node_modules/bats/bin
export PYTHONPATH := $(CURDIR)/tests
export AIRFLOW_VERSION := $(AIRFLOW)
export GKE_JOB_PYTHON := $(CURDIR)/$(BIN)/python

.DEFAULT_GOAL := help
.PHONY: help install demo test lint conformance cluster cluster-stop airflow lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.installed node_modules/.installed ## everything the other targets need, into the checkout

$(VENV)/.installed: tests/requirements/airflow-$(AIRFLOW).txt
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	$(BIN)/uv pip install --quiet --python $(VENV) --requirement $<
	touch $@

node_modules/.installed: package-lock.json
	npm ci --silent
	touch $@

demo: install ## an Airflow DAG trains a model in Jobs on the local stand-in for GKE
	tests/demo/run

test: install ## everything that must pass
	$(BIN)/python -m pytest
	bats tests/scripts

lint: install ## ShellCheck, shfmt, ruff, mypy, yamllint
	tests/lint

conformance: install ## the cases that hold on every cluster, on CLUSTER=localgke, k8s or current; ARGS go to bats
	tests/conformance/run $(CLUSTER) $(ARGS)

cluster: install ## the stand-in to use by hand; prints what to export
	tests/demo/cluster start

cluster-stop: install ## end it
	tests/demo/cluster stop

airflow: install ## the Airflow UI on localhost, with the stand-in behind it
	tests/demo/airflow

lock: install ## new pins for both Airflow versions
	tests/requirements/lock

clean: ## remove what the other targets made
	rm -rf .build node_modules
