"""Translates the errors of the Azure SDKs into those of `pipeline.errors`.

A message has the status, the code and the service's first line, but no URL: URLs may hold
signatures.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError

from pipeline.errors import Conflict, FanfareError, NotFound, Permanent, Transient

_DENIED = (401, 403)
_CONDITION_FAILED = (304, 409, 412)
_LATER = (408, 425, 429)
_SERVER_ERROR = 500
_LINE_LENGTH = 300


STORAGE, BATCH, EVENT_GRID, AZURE = "Storage", "Batch", "Event Grid", "Azure"
KEY_VAULT = "Key Vault"


@contextmanager
def translated(action: str, service: str = STORAGE) -> Iterator[None]:
    """Raise the SDK's errors in a block as the engine's own, which name action and service."""
    try:
        yield
    except AzureError as error:
        raise translate(error, action, service) from error


def translate(error: AzureError, action: str, service: str = STORAGE) -> FanfareError:
    """Return the engine's error for one of the SDK; it says whether the error may pass."""
    translated_error = _translate(error, action)
    translated_error.service = service
    return translated_error


def _translate(error: AzureError, action: str) -> FanfareError:
    status = status_of(error)
    text = f"{action}: {_describe(error, status)}"
    if status is None or status in _LATER or status >= _SERVER_ERROR:
        return Transient(text)
    if status in _DENIED:
        # A new role takes some minutes to work, which is not the run's fault.
        return Transient(f"{text} (is a role missing? `fanfare doctor` checks the roles)")
    if status in _CONDITION_FAILED:
        return Conflict(text)
    if code_of(error) == "ContainerNotFound":
        text += " (`fanfare doctor` checks the engine's own containers, and says what makes them)"
    return NotFound(text) if status == 404 else Permanent(text)  # noqa: PLR2004 a well-known status


def status_of(error: AzureError) -> int | None:
    """Return the HTTP status, or None when there was no answer."""
    return error.status_code if isinstance(error, HttpResponseError) else None


def code_of(error: AzureError) -> str:
    """Return the service's error code, or "" when it gave none."""
    code = getattr(error, "error_code", None)
    if code is None and isinstance(error, HttpResponseError):
        code = error.error.code if error.error else None
        if code is None:
            headers: Mapping[str, str] = getattr(error.response, "headers", {})
            code = headers.get("x-ms-error-code")
    return str(getattr(code, "value", code) or "")


def _describe(error: AzureError, status: int | None) -> str:
    kind = type(error).__name__
    if status is None and isinstance(error, ClientAuthenticationError):
        return f"no token ({kind}): run `az login`; an app in Azure needs its identity"
    if status is None:
        return f"no answer ({kind})"
    lines = str(error.message).strip().splitlines()
    code = code_of(error)
    first = lines[0][:_LINE_LENGTH] if lines and "://" not in lines[0] else ""
    return " ".join(part for part in (str(status), code, first) if part)
