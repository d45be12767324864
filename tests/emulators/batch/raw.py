"""Sends requests exactly as written, signed by the SDK, and reads the answers."""

import json

from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest, HttpResponse

from tests.emulators.batch.running import Emulator

VERSION = "2025-06-01"
JSON = "application/json; odata=minimalmetadata"


def send(
    emulator: Emulator,
    method: str,
    path: str,
    body: object = None,
    *,
    version: str | None = VERSION,
    headers: dict[str, str] | None = None,
) -> HttpResponse:
    """Send one request; `path` holds the query in the form in which it travels."""
    if version:
        path += f"{'&' if '?' in path else '?'}api-version={version}"
    content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    own = {"Content-Type": JSON} if content is not None else {}
    request = HttpRequest(
        method, f"{emulator.endpoint}{path}", headers={**own, **(headers or {})}, content=content
    )
    try:
        return emulator.client.send_request(request)
    except HttpResponseError as error:
        assert error.response is not None
        return error.response


def begin(emulator: Emulator, method: str, path: str, body: dict[str, str] | None = None) -> None:
    """Make a request that must be accepted, and do not wait for its effect."""
    headers = {"Content-Type": "application/json; odata=minimalmetadata"}
    url = f"{path}?api-version={emulator.client._config.api_version}"
    request = HttpRequest(method, url, headers=headers, json=body or {})
    emulator.client.send_request(request).raise_for_status()


def refusal(response: HttpResponse) -> tuple[int, str, dict[str, str]]:
    """Check the form of an error, and return its status, code and values."""
    body = response.json()
    assert "/$metadata#" in body["odata.metadata"]
    assert body["message"]["lang"] == "en-US"
    assert "\nRequestId:" in body["message"]["value"] and "\nTime:" in body["message"]["value"]
    values = {one["key"]: one["value"] for one in body.get("values", ())}
    return response.status_code, body["code"], values
