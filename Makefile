# Every target sets itself up: a machine needs Python 3.11 or later, git and make, nothing else.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1

.PHONY: help setup check test mutate-model synth demo up deploy-local schemas lock clean

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: .venv/ready  ## create .venv from the locks (a second run does nothing)

.venv/ready: requirements/uv.txt requirements/dev.txt pyproject.toml
	@echo "setting up .venv"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@VIRTUAL_ENV=.venv $(BIN)/uv pip sync --quiet --require-hashes requirements/dev.txt
	@VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

check: setup  ## lint, types, import rules
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/codespell

test: setup  ## every test, with branch coverage
	$(BIN)/pytest -n 2 --dist loadfile --cov --cov-report=term:skip-covered

mutate-model: setup  ## switch each promise of the EC2 model off and see its test fail
	$(BIN)/python -m tests.local.ec2.mutate

synth: setup  ## the CloudFormation template and assets, into cdk.out
	$(BIN)/python app.py

demo: setup  ## a day of Railyard on this machine, told in a minute
	$(BIN)/python -m local demo

up: setup  ## the embedded AWS, until Ctrl-C
	$(BIN)/python -m local up

deploy-local: setup  ## deploy, change and destroy with the real cdk command, on this machine
	$(BIN)/python -m local deploy

schemas: setup  ## renew docs/schemas from the code
	$(BIN)/python docs/schemas/generate.py

lock: setup  ## renew the lock files (hashes, no addresses)
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header --extra dev pyproject.toml -o requirements/dev.txt
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header requirements/uv.in -o requirements/uv.txt
	for layer in vendor feed; do $(BIN)/uv pip compile --quiet --upgrade --generate-hashes --no-header --python-version 3.13 --python-platform aarch64-manylinux2014 layers/$$layer/requirements.in -o layers/$$layer/requirements.txt; done

clean:  ## remove everything that a target made
	rm -rf .venv node_modules .local .build cdk.out .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
