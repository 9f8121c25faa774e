# Everything a reader or a contributor types. Needs make, bash and Python 3.11 or newer; the rest goes into .venv.

PYTHON ?= python3
COLAB_PYTHON ?= $(shell python3.13 -c pass 2> /dev/null && echo python3.13 || echo $(PYTHON))
TORCH_INDEX ?=
NOTEBOOKS ?= $(wildcard notebooks/*.ipynb notebooks/solutions/*.ipynb)
PLAYGROUND := notebooks/09_playground.ipynb

SHELL := bash
PY := .venv/bin/python
BASE := .venv/.installed-base
ALL := .venv/.installed-all
COLAB := .venv-colab/.installed-all
GDOWN5 := .venv/gdown-5
GDOWN5_INSTALLED := $(GDOWN5)/.installed

.PHONY: help demo play app test lint notebooks test-slow test-browser test-colab test-gdown5 bench clean address
.DELETE_ON_ERROR:
.NOTPARALLEL:

help:
	@echo "make demo         train pix2pix on facades for about a minute and write a gallery of the results"
	@echo "make play         open the playground (lesson 9) in JupyterLab: draw, upload, compare"
	@echo "make app          the same page without code, served by Voila"
	@echo "make test         the unit tests, then every notebook from top to bottom in the lite profile"
	@echo "make test-slow    the tests that take more than a few seconds each: real kills, several processes, every model"
	@echo "make lint         check code and notebooks with ruff"
	@echo "make notebooks    execute every notebook in the lite profile and save it with its outputs"
	@echo "make test-browser the widgets in a real JupyterLab and a real browser; skipped where no chromium is installed"
	@echo "make test-colab   the notebooks again, with the versions that Colab has (an environment of its own)"
	@echo "make test-gdown5  the tests of downloads with the gdown that Colab has"
	@echo "make weights/NAME train and pack a model again, as weights/recipes.toml says (P2P_DATA=... LPIPS=...)"
	@echo "make bench        measure speed against the straightforward way (about 15 minutes on two cores)"
	@echo "make address URL=https://github.com/me/fork   rewrite the repository's address wherever it stands"
	@echo "make clean        remove the environments, demo/, runs/ with all you trained, and the caches"
	@echo
	@echo "PYTHON=python3.12 names the Python that makes .venv."
	@echo "TORCH_INDEX=https://download.pytorch.org/whl/cpu takes PyTorch without CUDA, which is much smaller."
	@echo "NOTEBOOKS=notebooks/01_facades.ipynb limits test, notebooks and test-colab to these."

# The environments. A stamp inside says what is installed; it is out of date when pyproject.toml has changed since.

EVERYTHING := -e ".[notebooks,test]"
AS_ON_COLAB := -c tests/colab-constraints.txt
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
BIG_DOWNLOADS := /(Downloading|Using cached) .*\(([0-9.]+ GB|[0-9][0-9][0-9.]* MB)\)$$/ { print; fflush() } \
    /^Installing collected/ { print "  Installing"; fflush() }

# $(call make-venv,FOLDER,PYTHON): where it is missing, or was left half made
define make-venv
	@$(1)/bin/python -m pip --version > /dev/null 2>&1 || { \
	    $(2) -c '$(NEW_ENOUGH)' 2> /dev/null || { \
	        echo "This course needs Python 3.11 or newer, and $(2) is $$($(2) --version 2> /dev/null || echo missing);" \
	            "name another one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; \
	        exit 1; \
	    }; \
	    echo "Making $(1) with $$($(2) --version)."; \
	    $(2) -m venv $(1); \
	}
endef

# $(call pip,FOLDER,ARGUMENTS): pip's errors, its large downloads, and nothing else
define pip
	@set -o pipefail; PYTHONUNBUFFERED=1 $(1)/bin/python -m pip install --disable-pip-version-check $(2) | awk '$(BIG_DOWNLOADS)'
endef

# $(call install,FOLDER,WHAT,CONSTRAINTS)
define install
	@echo "Installing PyTorch and the rest into $(1); the first time takes some minutes and up to 6 GB."
	$(if $(TORCH_INDEX),$(call pip,$(1),torch torchvision --index-url $(TORCH_INDEX) $(3)))
	$(call pip,$(1),$(2) $(3))
endef

$(BASE): pyproject.toml
	$(call make-venv,.venv,$(PYTHON))
	$(call install,.venv,-e .)
	@touch $@

$(ALL): pyproject.toml
	$(call make-venv,.venv,$(PYTHON))
	$(call install,.venv,$(EVERYTHING))
	@touch $(BASE) $@

$(COLAB): pyproject.toml tests/colab-constraints.txt
	@$(COLAB_PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 13))' || \
	    echo "Colab has Python 3.13; there is no python3.13 here, so this is $(COLAB_PYTHON) with Colab's packages."
	$(call make-venv,.venv-colab,$(COLAB_PYTHON))
	$(call install,.venv-colab,$(EVERYTHING),$(AS_ON_COLAB))
	@touch $@

# Colab's gdown, to be put in front of the other.
$(GDOWN5_INSTALLED): $(ALL) tests/colab-constraints.txt
	$(PY) -m pip install --disable-pip-version-check --quiet --no-deps --target $(GDOWN5) $(AS_ON_COLAB) gdown
	@mkdir -p $(GDOWN5) && touch $@

# What to do in them.

demo: $(BASE)
	@echo "Training pix2pix on facades. Where the real dataset is not at hand, procedural samples take its place."
	@$(PY) -m p2p_lib train facades --profile lite --out demo --resume

play: $(ALL)
	.venv/bin/jupyter lab $(PLAYGROUND)

app: $(ALL)
	.venv/bin/voila $(PLAYGROUND)

test: $(ALL)
	$(PY) -m pytest -n 2 -m "not slow"
	@$(MAKE) --no-print-directory test-gdown5
	$(PY) tests/run_notebooks.py $(NOTEBOOKS)

lint: $(ALL)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

notebooks: $(ALL)
	$(PY) tests/notebook_tools.py $(NOTEBOOKS)

test-slow: $(ALL)
	$(PY) -m pytest -n 2 -m slow --ignore=tests/browser -rs

test-browser: $(ALL)
	P2P_SCREENSHOTS="$${P2P_SCREENSHOTS:-screenshots}" $(PY) -m pytest tests/browser -rs

test-colab: $(COLAB)
	.venv-colab/bin/python tests/run_notebooks.py $(NOTEBOOKS)

# Trained again as recipes.toml says, and packed: the target has no file of its own, since the recipe decides what is done.
weights/%: $(BASE)
	$(PY) weights/train.py $* $(if $(LPIPS),--lpips $(LPIPS))

# The same environment with the other gdown in front of its own.
test-gdown5: $(ALL) $(GDOWN5_INSTALLED)
	GDOWN_MAJOR=5 PYTHONPATH=$(GDOWN5) $(PY) -m pytest -n 2 tests/test_weights.py tests/test_weights_drive.py tests/test_weights_address.py

# The other scripts there train for hours to measure quality, and want data.
bench: $(ALL)
	@for name in training_step whole_epoch folder color carvana startup; do \
	    echo "benchmarks/$$name.py"; $(PY) benchmarks/$$name.py || exit; \
	done

address:
	@$(PYTHON) tests/repository_address.py $(URL)

clean:
	rm -rf .venv .venv-* demo screenshots runs notebooks/runs notebooks/solutions/runs build dist .pytest_cache .ruff_cache .hypothesis
	find . -name .git -prune -o \( -name __pycache__ -o -name .ipynb_checkpoints \) -prune -exec rm -rf {} +
