# The verbs of the template itself. `make` alone lists them; the generated project has its own.
VENV ?= .venv
PYTHON3 ?= python3
PYTHON = "$(abspath $(VENV))/bin/python"
INNER = {{cookiecutter.project_slug}}
# On two cores, too: half of a story is waiting for what AWS would take its time for.
JOBS ?= 3
# The slow ones start several emulators each; more of them, and a prober comes too late for its alarm.
SLOW_JOBS ?= 2
ROWS ?= 1000000 10000000 50000000

# Where byte code may not be written, every start compiles its libraries again: seconds each time.
unexport PYTHONDONTWRITEBYTECODE
export MLFLOW_DISABLE_TELEMETRY = true
export GX_ANALYTICS_ENABLED = false

# A laptop's AWS profile must not reach a test.
OFFLINE = env -u AWS_PROFILE -u AWS_SESSION_TOKEN -u AWS_ENDPOINT_URL
PYTEST = $(OFFLINE) $(PYTHON) -m pytest --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help setup check bake demo drill local-test test test-all bench vendor verify-aws

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup:  ## Make .venv with the pinned packages; again only when a pin has moved
	@$(PYTHON3) "$(INNER)/requirements/install.py" "$(VENV)" requirements/dev.txt

check: setup  ## Lint, types and import contracts of the template, the verbs and the emulator
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m pyrefly check --summary=none --python-interpreter-path $(PYTHON)
	cd gitops && $(PYTHON) -m pyrefly check --summary=none --python-interpreter-path $(PYTHON)
	cd gitops && "$(abspath $(VENV))/bin/lint-imports" --no-cache

bake: setup  ## Bake the default answers into build/demo, from the files that git tracks
	@$(PYTHON) tools/bake.py build/demo

demo: bake  ## Bake the default answers and run the whole release of the result on this machine
	@$(MAKE) --no-print-directory -C build/demo local-test VENV="$(abspath $(VENV))"
	@printf '\nOpen next:\n  build/demo/build/report.html   what just happened\n  build/demo/README.md           what you would own\n'

local-test: demo

drill: bake  ## Break it: releases that pass every gate and are wrong, taken back while you watch; ARGS="--only 'sign flipped'"
	@$(MAKE) --no-print-directory -C build/demo drill VENV="$(abspath $(VENV))" ARGS="$(ARGS)"

test: check  ## Every test but the slow ones: template, inner project where it lies and baked, verbs, emulator
	$(PYTEST) -n $(JOBS) tests
	cd gitops && $(PYTEST) -n $(JOBS)
	cd emulator && $(PYTEST) -n $(JOBS)
	@printf '\nAll passed. See it run:\n  make demo\n'

test-all: test  ## The slow ones too: the image built, each set of pins alone, the crash matrix, the fault ledger
	$(PYTEST) -n $(SLOW_JOBS) -m slow tests

bench: setup  ## Measure the bake, local-test, the model, rollouts, data checks against one scan; BEFORE=COMMIT ROWS="1000000"
	@$(PYTHON) benchmarks/bake.py
	@$(OFFLINE) $(PYTHON) benchmarks/local_test.py $(if $(BEFORE),--before "$(BEFORE)")
	@$(PYTHON) benchmarks/model_quality.py
	@$(OFFLINE) $(PYTHON) benchmarks/rollouts.py
	@$(PYTHON) benchmarks/data_checks.py --rows $(ROWS)

vendor: setup  ## Build the wheels of emulator and verbs into the template and pin their hashes
	@$(PYTHON) tools/vendor.py

verify-aws: setup  ## Tell the emulator's stories to AWS, in your account: price first, cleans up; ARGS="--help"
	@cd emulator && $(PYTHON) -m verify_aws $(ARGS)
