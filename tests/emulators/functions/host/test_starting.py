import json
import socket
import subprocess
import sys

import pytest

from emulators.functions.app.host_json import load_host_options
from emulators.functions.errors import StartError
from tests.emulators.functions.conftest import REPOSITORY
from tests.patience import stretched

IMPORTS = "import azure.functions as func\napp = func.FunctionApp()\n"


def run(tmp_path, source, *flags, host_json='{"version": "2.0"}', settings=None):
    app = tmp_path / "app"
    app.mkdir()
    (app / "host.json").write_text(host_json)
    (app / "function_app.py").write_text(source)
    (tmp_path / "settings.json").write_text(json.dumps({"Values": settings or {}}))
    return subprocess.run(
        [
            sys.executable, "-m", "emulators.functions", "--data", str(tmp_path / "data"),
            "--app", str(app), "--settings", str(tmp_path / "settings.json"), *flags,
        ],
        cwd=REPOSITORY, capture_output=True, text=True, timeout=stretched(90), check=False,
    )  # fmt: skip


def test_an_unsupported_binding_is_named_with_its_function(tmp_path):
    source = IMPORTS + (
        "@app.blob_trigger('blob', 'c/{name}', 'Storage')\n"
        "def on_blob(blob: func.InputStream): ...\n"
        "@app.timer_trigger('timer', '%MISSING%')\n"
        "def on_time(timer: func.TimerRequest): ...\n"
    )
    ended = run(tmp_path, source)
    assert ended.returncode == 2
    assert "function on_blob: binding blob: type blobTrigger is not a supported" in ended.stderr
    assert (
        "function on_time: binding timer: schedule: %MISSING% is not an app setting" in ended.stderr
    )
    assert "Traceback" not in ended.stderr


def test_an_app_that_cannot_be_imported_shows_its_own_lines_only(tmp_path):
    ended = run(tmp_path, "import no_such_package\n")
    assert ended.returncode == 2
    assert "No module named 'no_such_package'" in ended.stderr
    assert "azure_functions_runtime/" not in ended.stderr.split("could not be indexed", 1)[1]


@pytest.mark.parametrize(
    ("host_json", "message"),
    [
        ("{", "cannot be read"),
        ('{"version": "1.0"}', '"version": "2.0"'),
        ('{"version": "2.0", "extensions": {"queues": {"batchSize": 99}}}', "1 to 32, not 99"),
        ('{"version": "2.0", "functionTimeout": "soon"}', "'soon' is not a time span"),
    ],
)
def test_a_bad_host_json_gets_one_message(tmp_path, host_json, message):
    (tmp_path / "host.json").write_text(host_json)
    with pytest.raises(StartError, match=message):
        load_host_options(tmp_path, {})


def test_a_bad_host_json_ends_the_host(tmp_path):
    ended = run(tmp_path, IMPORTS, host_json="{")
    assert (ended.returncode, "host.json cannot be read" in ended.stderr) == (2, True), ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_missing_connection_names_function_and_binding(tmp_path):
    source = IMPORTS + (
        "@app.queue_trigger('message', 'q', 'Elsewhere')\ndef on_message(message: str): ...\n"
    )
    ended = run(tmp_path, source)
    assert "function on_message: binding message: no setting AzureWebJobsElsewhere" in ended.stderr


def test_a_taken_port_gets_one_message(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        ended = run(tmp_path, IMPORTS, "--port", str(taken.getsockname()[1]))
    assert "cannot be used" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_damaged_keys_file_says_how_to_go_on(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "keys.json").write_text("{")
    source = (
        IMPORTS
        + "@app.timer_trigger('timer', '0 0 0 1 1 *')\ndef t(timer: func.TimerRequest): ...\n"
    )
    ended = run(tmp_path, source)
    assert "remove it to get new keys" in ended.stderr
