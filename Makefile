# make run    all eight chapters in sequence, then the result table and the report   PRESET=laptop SEED=0
#             TASK=toy_choice for another task, DATA=my.csv DATA_COLUMNS=question=...,answer=... for a file of yours
# make test   everything that CI runs
# make fuzz   random completions against the grader for a while   FUZZ_SECONDS=120
# make soak   training runs killed at random points, continued and compared   TRIALS=20
# make fresh  each chapter alone in a fresh environment, as Colab and Kaggle open it (ten minutes)
# Each makes .venv first when it is not there.

PYTHON ?= python3
PRESET ?= laptop
SEED ?= 0
FUZZ_SECONDS ?= 120
TRIALS ?= 20
OTHER_DATA = $(if $(TASK),--task $(TASK)) $(if $(DATA),--data "$(DATA)" --columns "$(DATA_COLUMNS)")
VENV := .venv
PY := $(VENV)/bin/python
# Two processes with one thread each finish sooner than two that fight over both cores.
PYTEST := OMP_NUM_THREADS=1 HF_HUB_OFFLINE=1 MPLBACKEND=Agg $(PY) -m pytest -q -rs
STAMP := $(VENV)/installed
UNSLOTH := .venv-unsloth/installed
LM_EVAL := .venv-lm-eval/installed

.PHONY: setup unsloth workbook run smoke test check fuzz soak fresh lint notebooks bench lm-eval memory record readme drift tiny clean

setup: $(STAMP)

# What is measured and tested is transformers and PEFT, whatever is installed; tests/test_unsloth.py says otherwise itself.
test check bench record: export COURSE_BACKEND = transformers

# An environment of its own, in which the tests run Unsloth on a CPU.
unsloth: $(UNSLOTH)

# Your own copy of the exercises, in workbook/: nothing ever writes over what is there.
workbook: $(STAMP)
	mkdir -p workbook
	for file in exercises/*; do test -e workbook/$${file#*/} || cp $$file workbook/; done

run: $(STAMP)
	$(PY) tools/run_course.py --preset $(PRESET) --seed $(SEED) $(OTHER_DATA)

smoke: $(STAMP)
	$(PY) tools/run_course.py --preset smoke --seed $(SEED) $(OTHER_DATA)

# Lint, generated files, every test, every notebook; one chapter with nbmake too, as learners' CI would.
test: lint $(UNSLOTH) $(LM_EVAL)
	$(PYTEST) -n 2 --dist loadgroup
	COURSE_PRESET=smoke COURSE_RUNS=$$(mktemp -d) $(PYTEST) --nbmake notebooks/01_setup.ipynb

# The quick part of it, for while you work.
check: lint
	$(PYTEST) -n 2 -m "not notebooks and not slow and not learning"

# atheris has no wheel for every Python and system, so only this target installs it.
fuzz: $(STAMP)
	$(PY) -m pip install --quiet atheris==3.0.0 || { echo "No fuzzing here: atheris 3.0.0 cannot be installed for \
	$$($(PY) -V) on $$(uname -sm); pip's message is above."; exit 1; }
	$(PY) tools/fuzz_grader.py --seconds $(FUZZ_SECONDS)

soak: $(STAMP)
	$(PY) tools/soak.py --trials $(TRIALS)

# Writes recorded/fresh.json.
fresh: $(STAMP)
	$(PY) tools/fresh_chapters.py

lint: $(STAMP)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) tools/build_notebooks.py --check

notebooks: $(STAMP)
	$(PY) tools/build_notebooks.py

bench: $(STAMP)
	$(PY) tools/bench.py

# The peaks of memory that chapter 4 and course_lib/memory.py are held against (half an hour, 8 GB of RAM; Linux).
memory: $(STAMP)
	$(PY) tools/measure_memory.py

# Exported models asked by lm-evaluation-harness, in an environment of its own: the same accuracy? Writes
# recorded/lm_eval.json, unless one is named: MODEL=runs/laptop/08_export/merged
lm-eval: $(LM_EVAL)
	HF_HUB_OFFLINE=1 $(PY) tools/lm_eval_check.py $(if $(MODEL),--model "$(MODEL)")

# The recorded runs that README and the chapters quote (about three quarters of an hour), then README itself.
record: $(STAMP)
	$(PY) tools/record_runs.py
	$(PY) tools/write_readme.py

readme: $(STAMP)
	$(PY) tools/write_readme.py

# For information: which keywords the newest TRL, transformers and PEFT no longer take.
drift: $(STAMP)
	$(PY) tools/drift.py --newest

tiny: $(STAMP)
	$(PY) tools/make_tiny_gemma.py

clean:
	rm -rf $(VENV) .venv-unsloth .venv-lm-eval runs

$(STAMP): requirements.txt pyproject.toml tools/make_venv.py
	$(PYTHON) tools/make_venv.py $(VENV)
	touch $@

$(UNSLOTH): requirements-unsloth.txt tools/make_extra_venv.py $(STAMP)
	$(PY) tools/make_extra_venv.py .venv-unsloth requirements-unsloth.txt --no-deps
	touch $@

$(LM_EVAL): requirements-lm-eval.txt tools/make_extra_venv.py $(STAMP)
	$(PY) tools/make_extra_venv.py .venv-lm-eval requirements-lm-eval.txt
	touch $@
