# Everything a newcomer needs: `make demo` and `make test`. Both set up what they need by themselves.
.PHONY: demo test check format acceptance wheel pictures clean setup setup-dev setup-machine benchmarks
SHELL := /bin/bash
RUN := .venv/bin
STORE ?=

setup: .venv/.installed
setup-dev: .venv/.installed-dev

.venv/.installed: pyproject.toml constraints.txt
	@bash tests/machine.sh venv
	@$(RUN)/pip install -q -c constraints.txt -e .
	@touch $@

.venv/.installed-dev: .venv/.installed
	@$(RUN)/pip install -q -c constraints.txt -e ".[sigma-cli,pictures,chat]" --group dev
	@touch $@

# Chromium by apt and Elasticsearch by Maven, where they can be had; one clear line where not.
setup-machine: setup-dev
	@bash tests/machine.sh tools

demo: setup
ifeq ($(STORE),elasticsearch)
	@url=$$(bash tests/elasticsearch.sh start) && $(RUN)/citywatch demo --store "$$url" $(ARGS)
else
	@$(RUN)/citywatch demo $(ARGS)
endif

check: setup-dev
	$(RUN)/ruff check .
	$(RUN)/ruff format --check .
	$(RUN)/pyright
	$(RUN)/lint-imports --no-cache

test: setup-machine
	@bash tests/run.sh -q -n 2 --dist loadfile -m "not long" $(ARGS)

# The long ones; fails where ground truth, Chromium or Elasticsearch is absent.
acceptance: setup-machine
	CITYWATCH_TEST_REQUIRE=1 bash tests/run.sh -q --timeout=3600 $(ARGS)

format: setup-dev
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

wheel: setup-dev
	$(RUN)/python -m build --wheel --outdir dist .

benchmarks: setup-dev
	@for file in benchmarks/*.py; do echo "== $$file"; $(RUN)/python $$file; done

pictures: setup-dev  ## the pictures of README and docs, anew
	.venv/bin/python -m console.web.shots --documented --out docs/images

clean:
	rm -rf .venv dist .pytest_cache .ruff_cache .hypothesis
