"""Made-up requests from the OpenAPI document, right and wrong: none is a failure of the server.

The run is deterministic; `make test-all` hunts longer, and with new requests.
"""

import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from azure.core.rest import HttpResponse
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode

from tests.depth import more
from tests.emulators.batch.raw import refusal, send
from tests.emulators.batch.running import Emulator
from tests.emulators.batch.wire import openapi

pytestmark = pytest.mark.timeout(180)
EXAMPLES = more(8, 100)
# Half of the requests address existing things, so that they get past "not found".
THERE = {"poolId": "fuzzed", "jobId": "fuzzed", "taskId": "fuzzed", "jobScheduleId": "fuzzed"}
HEADERS = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "ocp-range")
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


def _operations() -> list[tuple[str, str]]:
    paths = openapi.document()["paths"].items()
    found = [(method, path) for path, methods in paths for method in methods]
    return [(method, path) for method, path in found if not path.startswith("/certificates")]


@pytest.fixture(scope="module")
def schema() -> Any:
    logging.getLogger("schemathesis").setLevel(logging.ERROR)
    # Only signed requests get far, so the sender and not the generator signs them.
    plain = {name: value for name, value in openapi.document().items() if "security" not in name}
    return schemathesis.openapi.from_dict({**plain, "paths": _as_sent(plain["paths"])})


def _as_sent(paths: dict[str, Any]) -> dict[str, Any]:
    """Return the operations without the headers that are not sent: making them up takes long."""
    return {
        path: {
            method: {**operation, "parameters": [*filter(_is_sent, operation["parameters"])]}
            for method, operation in methods.items()
        }
        for path, methods in paths.items()
    }


def _is_sent(parameter: dict[str, Any]) -> bool:
    if "$ref" in parameter:
        parameter = openapi.document()["parameters"][parameter["$ref"].rpartition("/")[2]]
    return parameter["in"] != "header" or parameter["name"].lower() in HEADERS


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    flags = ["--autoscale-min-seconds", "0", "--node-quota", "4"]
    running = Emulator(tmp_path_factory.mktemp("fuzz"), *flags)
    yield running
    assert running.stop() == 0


def furnish(emulator: Emulator) -> None:
    """Restore what an earlier request may have deleted."""
    image = {"publisher": "debian", "offer": "debian-12", "sku": "12"}
    machine = {"imageReference": image, "nodeAgentSKUId": "batch.node.debian 12"}
    pool = {"id": "fuzzed", "vmSize": "s", "virtualMachineConfiguration": machine}
    send(emulator, "POST", "/pools", {**pool, "targetDedicatedNodes": 1})
    send(emulator, "POST", "/jobs", {"id": "fuzzed", "poolInfo": {"poolId": "fuzzed"}})
    send(emulator, "POST", "/jobs/fuzzed/tasks", {"id": "fuzzed", "commandLine": "sleep 100"})
    schedule = {"id": "fuzzed", "schedule": {}, "jobSpecification": {"poolInfo": pool_of()}}
    send(emulator, "POST", "/jobschedules", schedule)


def pool_of() -> dict[str, str]:
    return {"poolId": "fuzzed"}


def fire(emulator: Emulator, case: Any, there: bool) -> HttpResponse:
    """Send one made-up request, signed."""
    path = case.path
    for name, value in (case.path_parameters or {}).items():
        used = THERE.get(name, value) if there else value
        path = path.replace("{" + name + "}", quote(str(used), safe="") or "-")
    pairs = [(name, value) for name, value in (case.query or {}).items() if name != "api-version"]
    # A line of more than 8 kB is refused before it is the emulator's.
    query = "&".join(f"{quote(str(n), safe='$')}={quote(str(v)[:500], safe='')}" for n, v in pairs)
    headers = {
        name: str(value)
        for name, value in (case.headers or {}).items()
        if name.lower() in HEADERS and str(value).isascii() and str(value).isprintable()
    }
    body = case.body if isinstance(case.body, dict | list | str | int | float | bool) else None
    url = path + ("?" + query if query else "")
    return send(emulator, case.method, url, body, version=openapi.VERSION, headers=headers)


def is_served_or_refused(case: Any, answer: HttpResponse) -> None:
    """Check that an answer is documented, or an error in the form of the service."""
    documented = openapi.document()["paths"][case.path][case.method.lower()]["responses"]
    if str(answer.status_code) in documented:
        return
    assert 300 <= answer.status_code < 500 or answer.status_code in (501, 503), answer.text()
    if case.method != "HEAD" and answer.status_code != 304:
        status, code, _ = refusal(answer)
        assert (status == 501) is (code == "NotImplemented")


@pytest.mark.parametrize(("method", "path"), _operations())
def test_no_request_is_the_servers_fault(
    target: Emulator, schema: Any, method: str, path: str
) -> None:
    operation = schema[path][method.upper()]
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in MODES))

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, there=st.booleans())
    def fuzzed(case: Any, there: bool) -> None:
        is_served_or_refused(case, fire(target, case, there))

    furnish(target)
    fuzzed()
    assert send(target, "GET", "/pools").status_code == 200
