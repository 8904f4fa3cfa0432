# Deep Learning Twice. Each target calls one tool; `make help` lists them.

PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
NOTEBOOKS ?=
LAB ?=
SLUG ?=
# The book's matrices are small: NumPy multiplies them faster on one thread than on many.
export OPENBLAS_NUM_THREADS ?= 1
# Stored outputs are those of the instructions that BLAS finds; other ones round otherwise.
unexport OPENBLAS_CORETYPE
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadscope

.DEFAULT_GOAL := help
.PHONY: help setup book serve lab test notebooks exercises experiments grade bench check clean

help: ## list the targets
	@echo "Deep Learning Twice: make TARGET"
	@sed -n 's/^\([a-z]*\):.*## /  \1@/p' Makefile | awk -F@ '{ printf "%-13s%s\n", $$1, $$2 }'

setup: ## make .venv and install everything (GPU=1 adds TensorFlow's CUDA libraries)
	@command -v $(PYTHON) >/dev/null || { echo "Deep Learning Twice needs Python 3.11 or newer; there is no \`$(PYTHON)\` here. Install one or run \`make PYTHON=python3.12 book\`." >&2; exit 1; }
	@PYTHON="$(PYTHON)" $(PYTHON) tools/setup.py $(if $(GPU),--gpu)

book: setup ## build the book into _build/html
	@mkdir -p _build && echo "Building the book (details in _build/book.log)"
	@$(BIN)/jupyter-book build . -W -n --keep-going --quiet >_build/book.log 2>&1 || { cat _build/book.log; exit 1; }
	@echo "The book is built: open $(CURDIR)/_build/html/index.html, or run \`make serve\`."

serve: ## serve the built book on this machine (PORT=8000)
	@$(PYTHON) tools/serve.py "$(PORT)"

lab: setup ## work through the book in JupyterLab; exercises are copied to work/ (LAB=--no-browser)
	@$(BIN)/twice start --all
	@$(BIN)/python -m tools.start_page
	@$(BIN)/jupyter lab --LabApp.app_settings_dir="$(CURDIR)/tools/lab" \
		--LabApp.default_url=/lab/workspaces/twice/tree/start.md $(LAB)

test: book ## build the book, then run every test and every notebook
	@$(PYTEST) tests chapters exercises solutions

notebooks: setup ## quote, run the notebooks, store their outputs (NOTEBOOKS=chapters/x.ipynb)
	@$(BIN)/python -m tools.quote
	@$(BIN)/python -m tools.execute $(NOTEBOOKS)

exercises: setup ## make exercises/ from solutions/
	@$(BIN)/python -m tools.exercises

experiments: setup ## repeat a chapter's long run and store what it found: SLUG=deep_cnns
	@test -f "experiments/$(SLUG).py" || { echo "Name a run: make experiments SLUG=NAME, with one of: $(filter-out __init__ record,$(basename $(notdir $(wildcard experiments/*.py))))" >&2; exit 1; }
	@$(BIN)/python -m experiments.$(SLUG)

grade: setup ## grade your exercises in work/, or a class: FOLDER=submissions
	@$(BIN)/twice $(if $(FOLDER),grade "$(FOLDER)",progress)

bench: setup ## time the scratch code against Keras, and the book's own cost
	@$(BIN)/python -m benchmarks.neuron && $(BIN)/python -m benchmarks.mlp && $(BIN)/python -m benchmarks.cnn && $(BIN)/python -m benchmarks.rnn && $(BIN)/python -m benchmarks.book

check: setup ## lint, format and derived files, as before a commit
	@$(BIN)/pre-commit run --all-files

clean: ## remove what the tools built (work/ and .venv stay)
	@rm -rf _build .pytest_cache .ruff_cache .hypothesis start.md
