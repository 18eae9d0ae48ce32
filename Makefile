# Everything runs in .venv, which the first target that needs it makes with the tested versions.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
READY = $(VENV)/.ready

.PHONY: setup compare test quick lint reports reports-latency reports-engines bench picture
.DEFAULT_GOAL := compare

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

compare: setup ## the paper's three units, side by side
	@$(BIN)/shufflenet-flops compare --c 240 --g 3

test: setup ## all tests, with coverage
	$(BIN)/python -m pytest --cov --cov-report=term

quick: setup ## tests that take no more than a few seconds each
	$(BIN)/python -m pytest -m "not slow"

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

reports: setup ## the committed reports that no clock went into
	$(BIN)/shufflenet-flops compare --no-latency --quiet -o reports/units.md > /dev/null
	$(BIN)/shufflenet-flops models -o reports/models.md > /dev/null
	$(BIN)/shufflenet-flops paper --alternatives -o reports/paper.md > /dev/null

reports-latency: setup ## reports/latency.md and its plots, measured on this machine
	$(BIN)/python -m benchmarks.latency_report

reports-engines: setup ## reports/engines.md: does every engine compute what eager computes?
	$(BIN)/python -m benchmarks.engine_agreement

bench: setup ## reports/benchmarks.md, measured on this machine
	$(BIN)/python -m benchmarks.run

picture: setup ## the picture in the README
	$(BIN)/python -m docs.picture
