"""What is deployed as the function app: what it needs, and nothing else."""

import fnmatch
import os
import shutil
import subprocess
import sys

from tests.infra.deployment import AZD, ROOT, app_settings

# No line here is a path: a matching name is left out, unless a later line includes it.
LINES = [line.rstrip("/") for line in (ROOT / ".funcignore").read_text("utf-8").split()]
IGNORED = [line for line in LINES if not line.startswith("!")]
NEEDED = {"function_app.py", "host.json", "requirements.txt"}
FOLDERS = {"pipeline", "pipelines", "pools", "task_scripts"}


def left_out(path):
    matching = [line for line in LINES if fnmatch.fnmatch(path.name, line.removeprefix("!"))]
    return bool(matching) and not matching[-1].startswith("!")


def test_the_package_holds_what_the_app_needs_and_nothing_else():
    ours = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    tops = {line.split("/")[0] for line in ours.stdout.splitlines()} or NEEDED | FOLDERS
    assert {top for top in tops if not left_out(ROOT / top)} == NEEDED | FOLDERS


def test_the_package_alone_has_all_functions(tmp_path):
    package = tmp_path / "package"
    package.mkdir()
    for name in NEEDED:
        shutil.copy(ROOT / name, package)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, package / name, ignore=shutil.ignore_patterns(*IGNORED))
    script = (
        "import function_app, pipeline, sys\n"
        "from pipeline.bootstrap import APP_ROOT\n"
        "from pipeline.domain.catalogue.catalogue import load_catalogue\n"
        "load_catalogue(*(APP_ROOT / n for n in ('pipelines', 'pools', 'task_scripts')))\n"
        "print(APP_ROOT, len(function_app.app.get_functions()),"
        " [n for n in ('emulators', 'tests', 'scripts') if n in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=package, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    root, functions, others = done.stdout.strip().split(" ", 2)
    assert (root, others) == (str(package), "[]")
    assert int(functions) == 15  # 3 queues, 9 routes, 2 timers, the webhook


def test_an_invocation_imports_nothing_that_the_start_could_have():
    """Invocations are billed, starts are not; the settings are those that Azure sets."""
    settings = {name: "https://example.org/x" for name in app_settings()}
    settings["FANFARE_PIN"] = "copy"
    settings |= {"FANFARE_KEEP_PARTS_DAYS": "30", "FANFARE_KEEP_RUNS_DAYS": "90"}
    settings["APPLICATIONINSIGHTS_CONNECTION_STRING"] = (
        "InstrumentationKey=00000000-0000-0000-0000-000000000000"
    )
    script = (
        "import function_app, sys\n"
        "def packages(): return {'.'.join(n.split('.')[:2]) for n in sys.modules}\n"
        "before = packages()\n"
        "from pipeline import bootstrap\n"
        "ports = bootstrap.engine().ports\n"
        "ports.tables.get, ports.writer.write, ports.jobs.add, ports.cluster.pool\n"
        "ports.queues.send, ports.events.publish\n"
        "print(sorted(n for n in packages() - before if n.startswith('azure.')))\n"
    )
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **settings}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT, env=environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    assert done.stdout == "[]\n"


def test_a_local_environment_and_keys_stay_at_home():
    # `azd restore` leaves an environment of the name of the folder.
    for name in (".venv", "fanfare_env", ".fanfare", ".azure", ".git", ".github"):
        assert left_out(ROOT / name), name


def test_packages_that_were_built_here_travel_too():
    """scripts/deployment/packages.py puts them there, and Azure builds nothing."""
    assert not left_out(ROOT / ".python_packages")


def test_archives_of_environments_travel_with_the_app():
    """`azd deploy` alone, as the workflow calls it, runs hooks of services, not the project's."""
    (service,) = AZD["services"].values()
    assert "prepackage" not in AZD.get("hooks", {})
    assert set(service["hooks"]["prepackage"]) == {"posix", "windows"}
    assert not left_out(ROOT / "task_scripts/environments/media.zip")
    assert not left_out(ROOT / "task_scripts/environments/media.zip.sha256")
