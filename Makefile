# Inside GPT. `make help` lists the commands; `make book` and `make test` are the two that matter.
PYTHON ?= python3
PORT ?= 8000
RUN = .venv/bin/python
export OMP_WAIT_POLICY ?= PASSIVE
export OMP_NUM_THREADS ?= 1
.DEFAULT_GOAL := help
.PHONY: help book test serve lab tidy exercises town-gpt town-bert town-t5 oracles bench clean

help:  ## list these commands
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

book:  ## set everything up, execute the chapters, build the website
	@"$(PYTHON)" press/environment.py book
	@$(RUN) -m press.build

test:  ## set everything up and run every check (CHAPTER=pretraining: those of one chapter)
	@"$(PYTHON)" press/environment.py test
	@$(RUN) -m press.browser
	@$(RUN) -m ruff check .
	@$(RUN) -m press.check $(CHAPTER)

serve: book  ## build the website and serve it on this machine (PORT=8001: on another port)
	@$(RUN) -m press.serve $(PORT)

lab:  ## open the chapters in JupyterLab
	@"$(PYTHON)" press/environment.py lab
	@$(RUN) -m jupyter lab --ServerApp.root_dir=book --LabApp.default_url=/lab/tree/01_predicting.ipynb

tidy:  ## bring the chapters to their committed form: no outputs, stable ids
	@"$(PYTHON)" press/environment.py book
	@$(RUN) -m press.notebooks book/*.ipynb

exercises:  ## release the exercise notebooks from their masters
	@"$(PYTHON)" press/environment.py book
	@$(RUN) -m course_lib release masters/[0-9]*.py

town-gpt:  ## train the committed town model anew, from nothing
	@"$(PYTHON)" press/environment.py book
	@$(RUN) -m course_lib experiment run town_gpt --anew --only part=1 --only seed=0
	@$(RUN) -m course_lib experiment publish town_gpt

town-bert:  ## train the committed town BERT anew, and compare it with the GPT
	@"$(PYTHON)" press/environment.py book
	@$(RUN) -m course_lib experiment run town_bert --anew
	@$(RUN) -m course_lib experiment publish town_bert
	@$(RUN) -m course_lib experiment run two_sides
	@$(RUN) -m course_lib experiment publish two_sides

town-t5:  ## train the committed town T5 anew, and measure each lesson
	@"$(PYTHON)" press/environment.py book
	@$(RUN) -m course_lib experiment run town_t5 --anew
	@$(RUN) -m course_lib experiment publish town_t5

oracles:  ## hold the chapters on alignment to trl and torchrl, too (installs 340 MB more)
	@"$(PYTHON)" press/environment.py test
	@$(RUN) -m pip install -q -r requirements-oracles.txt -c constraints.txt
	@$(RUN) -m pytest -q tests/oracles

bench:  ## time our code beside its peers
	@"$(PYTHON)" press/environment.py test
	@for name in by_hand tokens_train tokens_encode town_speed training generation load_memory ppo grading; do echo "== $$name"; $(RUN) -m benchmarks.$$name; done

clean:  ## remove the built site and the caches (keeps .venv; `rm -rf .venv` removes that, too)
	@rm -rf _build build *.egg-info .pytest_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
	@echo "clean: the site and the caches are gone"
