# Everything runs in .venv, which the first target that needs it makes with the tested versions.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
BASE = $(VENV)/.base
READY = $(VENV)/.ready

# What depends on torch most, for the other versions of it.
VERSIONS = newest oldest
TORCH_TESTS = tests/trace tests/counters tests/sources tests/cases tests/test_build.py

.PHONY: setup compare test coverage slow lint check reports reports-latency reports-engines reports-gpu-time reports-prediction docs bench picture
.PHONY: test-versions $(VERSIONS:%=test-%)
.DEFAULT_GOAL := compare

setup: $(READY)

$(BASE): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	touch $@

$(READY): $(BASE)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	touch $@

compare: $(BASE) ## the paper's three units, side by side
	@$(BIN)/shufflenet-flops compare --c 240 --g 3

test: setup ## the tests, on all cores
	$(BIN)/python -m pytest -n auto -m "not slow"

coverage: setup ## the same, and the share of the code that they run, which has a floor in CI
	$(BIN)/python -m pytest -n auto -m "not slow" --cov --cov-report=term

slow: setup ## the tests that take long, which CI runs too
	$(BIN)/python -m pytest -n auto -m slow || test $$? -eq 5 # 5: none is marked

# Everything in its tested version but torch and torchvision. pip takes gigabytes for these.
.venv-%/.ready: pyproject.toml constraints.txt constraints-%.txt
	$(PYTHON) -m venv .venv-$*
	sed '/^torch\(vision\)\{0,1\}==/d' constraints.txt | cat - constraints-$*.txt > .venv-$*/constraints.txt
	.venv-$*/bin/pip install --quiet --disable-pip-version-check -c .venv-$*/constraints.txt -e '.[versions]'
	touch $@

$(VERSIONS:%=test-%): test-%: .venv-%/.ready ## the tests of what depends on torch, on its newest or oldest version
	.venv-$*/bin/python -m pytest -n auto -m "not slow" $(TORCH_TESTS)

test-versions: $(VERSIONS:%=test-%)

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/zizmor --offline --quiet --persona pedantic .github action.yml

check: setup ## this repository's own networks, held to flop-budget.toml and flop-budget.lock
	$(BIN)/shufflenet-flops check --locked

reports: setup ## the committed reports that no clock went into
	$(BIN)/shufflenet-flops report all -o reports
	$(BIN)/shufflenet-flops models -o reports/models.md > /dev/null

docs: setup ## SKILL.md, llms.txt, and the documentation in build/site; a broken link or any other warning is an error
	$(BIN)/python -m benchmarks.agents
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	$(BIN)/typer shufflenet_flops.cli.app utils docs --name shufflenet-flops --title Commands | sed 's/^```console/```text/' > docs/commands.md
	$(BIN)/zensical build --clean --strict

reports-latency: setup ## reports/latency.md and its plots, measured on this machine
	$(BIN)/python -m benchmarks.latency_report

reports-engines: setup ## reports/engines.md: does every engine compute what eager computes?
	$(BIN)/python -m benchmarks.engine_agreement

reports-prediction: setup ## reports/prediction.md: predicted times against measured ones, on this machine
	$(BIN)/python -m benchmarks.prediction

reports-gpu-time: setup ## reports/gpu-time.md, from the files of timm's results/ folder in TIMM_RESULTS=DIR
	$(BIN)/python -m benchmarks.gpu_time $(TIMM_RESULTS)

bench: setup ## reports/benchmarks.md, measured on this machine; AGAINST=COMMIT sets one beside this
	$(BIN)/python -m benchmarks.run $(AGAINST)

picture: setup ## the picture in the README
	$(BIN)/python -m benchmarks.picture
