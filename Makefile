# make book: set up and build the book.  make test: set up and run the tests.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

COURSE := .venv-course
COURSE_STAMP := $(COURSE)/.installed

.PHONY: book test test-site test-book test-course test-trust nightly coverage course check lock clean

book: $(STAMP)
	$(BIN)/compendium build

# Two at once, on as many processors as there are at least. The classroom's tests run in an environment of their
# own: nbgrader brings a server that slows every kernel's start.
test:
	$(MAKE) --no-print-directory -j2 -Oline test-site test-course test-book test-trust

# In a browser.
test-site: $(STAMP)
	$(BIN)/python -m pytest tests --ignore=tests/classroom --ignore=tests/trust -m browser

test-book: $(STAMP)
	$(BIN)/python -m pytest --ignore=tests/classroom --ignore=tests/trust -m "not browser"

test-trust: $(STAMP)
	$(BIN)/python -m pytest tests/trust

test-course: $(COURSE_STAMP)
	$(COURSE)/bin/python -m pytest tests/classroom

# Hours: every fault, every spoiled file and every figure, by the thousand; then what was tried and what it showed
# goes into RELIABILITY.md. Each room leaves a report of its own, so that an interrupted night goes on where it was.
ROOMS := $(patsubst tests/trust/test_%.py,.cache/trust/%.xml,$(wildcard tests/trust/test_*.py)) $(patsubst %,.cache/trust/%.xml,book cases grading assignments)
NIGHT = -m pytest $< --junitxml=$@.part -o junit_family=xunit1; test $$? -le 1 && mv $@.part $@
MATTER = $(shell find src data notebooks tests/trust -type f -not -name '*.pyc')

nightly: $(ROOMS) .cache/trust/mutants.json
	$(BIN)/python -m tests.trust.report $^ --full

.cache/trust/mutants.json: $(STAMP) $(MATTER)
	$(BIN)/python bench/mutants.py $@

.cache/trust/%.xml: tests/trust/test_%.py $(STAMP) $(MATTER)
	COMPENDIUM_NIGHTLY=1 $(BIN)/python $(NIGHT)

.cache/trust/%.xml: tests/test_%.py $(STAMP) $(MATTER)
	COMPENDIUM_NIGHTLY=1 $(BIN)/python $(NIGHT)

.cache/trust/%.xml: tests/classroom/test_%.py $(COURSE_STAMP) $(MATTER)
	COMPENDIUM_NIGHTLY=1 $(COURSE)/bin/python $(NIGHT)

# Which branches of the package the tests take, all tests together, but for the notebooks, whose kernels would print the
# warnings of the measurement; the tests run the same cells in their own process.
coverage: $(STAMP) $(COURSE_STAMP)
	$(BIN)/coverage erase
	-$(BIN)/coverage run -m pytest tests --ignore=tests/classroom
	-$(COURSE)/bin/coverage run -m pytest tests/classroom
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

course: $(COURSE_STAMP)
	@echo "Ready: $(COURSE)/bin/compendium course --help"

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/compendium check
	-$(BIN)/pip-audit --require-hashes --disable-pip -r requirements.lock -r requirements-course.lock

# The stamp is written last, so that an interrupted set-up is begun again. The lock names all that is wanted: nothing is
# left to resolve (older releases of pip look past the pins, at a newer release of what is wanted with an extra), and
# `pip check` says what the lock lacks.
$(STAMP): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; name one with make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	$(BIN)/python -m pip check --quiet
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

$(COURSE_STAMP): requirements-course.lock pyproject.toml
	$(PYTHON) -m venv $(COURSE)
	$(COURSE)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-course.lock
	$(COURSE)/bin/python -m pip check --quiet
	$(COURSE)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

# Needs uv; writes versions and hashes, no address.
lock:
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 --extra cluster --extra test --extra build --extra dev -o requirements.lock pyproject.toml
	uv pip compile --quiet --generate-hashes --no-emit-index-url --no-header --universal --python-version 3.11 --extra course --extra test --extra build -o requirements-course.lock pyproject.toml
	sed -i '1i # Made by `make lock` from pyproject.toml: every package with its version and hashes.' requirements.lock requirements-course.lock

clean:
	rm -rf _build .cache
