# Two commands do everything on a fresh machine: `make demo` and `make test`. `make quick` and `make docs` are for who changes it.
PYTHON ?= python3
VENV ?= .venv
# A CPU build is enough for both. On a CUDA machine name yours, e.g. TORCH='torch==2.9.1 --index-url <the wheel index>'.
TORCH ?= torch==2.13.0
PIP_ARGS ?=
# Processes that share the tests, file by file.
JOBS ?= 2
BIN := $(VENV)/bin

.DEFAULT_GOAL := test
.PHONY: demo test quick lint docs slow gpu clean
PYTEST = OMP_NUM_THREADS=1 PYTHONHASHSEED=0 $(BIN)/python -m pytest -m 'not slow and not gpu' -n $(JOBS) --dist loadfile

# Changes when TORCH does, so that another build can be put into an environment that exists.
TORCH_STAMP := $(VENV)/.torch-$(shell echo '$(TORCH)' | cksum | cut -d ' ' -f 1)

$(TORCH_STAMP):
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	rm -f $(VENV)/.torch-* $(VENV)/.installed $(VENV)/.docs
	$(BIN)/pip uninstall --quiet --yes torch
	touch $@

$(VENV)/.installed: setup.cfg pyproject.toml $(TORCH_STAMP)
	$(BIN)/pip install --quiet $(PIP_ARGS) $(TORCH)
	$(BIN)/pip install --quiet $(PIP_ARGS) -e '.[test]'
	$(BIN)/pip install --quiet $(PIP_ARGS) --no-deps torch-fidelity==0.4.0  # it asks for torchvision, which changes torch
	touch $@

demo: $(VENV)/.installed          ## fine-tune on forged sprites, then sheet and GIFs: minutes on two cores
	$(BIN)/python -m stylegan_pokemon demo

test: $(VENV)/.installed lint     ## what CI runs
	$(PYTEST) --no-loadscope-reorder --durations=25

quick: $(VENV)/.installed         ## the tests that tell most, in about a minute; tests/quick.txt lists them
	$(PYTEST) @tests/quick.txt

lint: $(VENV)/.installed          ## style, types, and the direction of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

$(VENV)/.docs: $(VENV)/.installed
	$(BIN)/pip install --quiet $(PIP_ARGS) -e '.[docs]'
	touch $@

docs: $(VENV)/.docs               ## the manual, into site/; a dead link fails
	$(BIN)/python -m stylegan_pokemon.cli.reference > docs/options.md
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

slow: $(VENV)/.installed          ## the tests that take minutes
	$(BIN)/python -m pytest -m slow

gpu: $(VENV)/.installed           ## the tests that need a CUDA card
	$(BIN)/python -m pytest -m gpu

clean:
	rm -rf $(VENV) build dist site *.egg-info
