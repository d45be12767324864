"""Made-up requests from docs/openapi.json: the running app answers as the document says.

The run is deterministic; `make test-all` hunts longer, and with new requests.
"""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from pipeline.domain.runs.naming import BlobRef
from tests.depth import more
from tests.e2e.http_client import call, host_key
from tests.e2e.local import Stack
from tests.patience import stretched

pytestmark = pytest.mark.timeout(400)
DOCUMENT = json.loads((Path(__file__).resolve().parents[3] / "docs/openapi.json").read_text())
OPERATIONS = [(m, p) for p, methods in DOCUMENT["paths"].items() for m in methods]
EXAMPLES = more(25, 1000)
MODES = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
CHECKS = [not_a_server_error, status_code_conformance, response_headers_conformance]
# Answers without a body have no content to compare.
OF_A_BODY = [content_type_conformance, response_schema_conformance]
# Half of the requests name what exists, so that they get past "not found".
THERE = {"pipeline": "acts"}


@pytest.fixture(scope="module")
def schema() -> Any:
    logging.getLogger("schemathesis").setLevel(logging.ERROR)
    return schemathesis.openapi.from_dict(DOCUMENT)


@pytest.fixture(scope="module")
def run(stack: Stack) -> str:
    """Return a run that is over and has an output."""
    source = call(stack, "POST", "/api/uploads", {"name": "a.txt"})[1]
    blob = BlobRef(source["input"]["container"], source["input"]["name"])
    stack.engine.ports.writer.write(blob, b"ok a\nok b\n")
    body = {"pipeline": "acts", "input": source["input"]}
    status, started = call(stack, "POST", "/api/runs", body)
    assert status == 202
    stack.succeeded(started["id"])
    return str(started["id"])


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_the_app_answers_as_the_document_says(
    stack: Stack, schema: Any, run: str, method: str, path: str
) -> None:
    operation = schema[path][method.upper()]
    endpoint = stack.local.description()["endpoints"]["functions"]["endpoint"]
    key = {"x-functions-key": host_key(stack)}
    cases = st.one_of(*(operation.as_strategy(generation_mode=mode) for mode in MODES))

    @settings(
        max_examples=EXAMPLES,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, there=st.booleans(), known=st.booleans())
    def fuzzed(case: Any, there: bool, known: bool) -> None:
        if there:
            case.path_parameters |= {"run": run} if "run" in case.path_parameters else {}
            if isinstance(case.body, dict) and "pipeline" in case.body:
                case.body |= THERE
        headers = key if known else {}
        answer = case.call(base_url=endpoint, headers=headers, timeout=stretched(30))
        checks = CHECKS + (OF_A_BODY if answer.content else [])
        case.validate_response(answer, checks=checks)

    fuzzed()
