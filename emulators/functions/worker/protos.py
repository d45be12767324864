"""Plain classes in place of the protobuf messages from which the runtime builds its replies."""

import base64
import json
from types import SimpleNamespace
from typing import cast

from emulators.functions.worker.wire import Datum, Json


class Message:
    """A message whose fields are the keywords that it was given."""

    def __init__(self, **fields: object) -> None:
        self.__dict__.update(fields)


class StatusResult(Message):
    """How a request ended."""

    Failure, Success, Cancelled = 0, 1, 2


class BindingInfo(Message):
    """The direction and data type of a binding, with the constants that the runtime compares."""

    undefined, string, binary, stream = 0, 1, 2, 3
    out, inout = 1, 2


class TypedData(Message):
    """One value; exactly one field is set, and its name is the kind."""

    def WhichOneof(self, _group: str) -> str | None:
        """Name the field that is set."""
        return next(iter(self.__dict__), None)


class ParameterBinding(Message):
    """A named value that goes into or comes out of a function."""

    def WhichOneof(self, _group: str) -> str:
        """Name the field that carries the value; this host never uses shared memory."""
        return "data"


class RpcHttp(Message):
    """An HTTP request or response."""


class RpcHttpCookie(Message):
    """A cookie of an HTTP response."""

    class SameSite:
        """The values of the SameSite attribute."""

        Lax, Strict, ExplicitNone = "Lax", "Strict", "None"


setattr(RpcHttpCookie.SameSite, "None", "")  # the attribute's own name is a keyword

_PLAIN = (
    "RpcException NullableString NullableBool NullableDouble NullableTimestamp Timestamp "
    "WorkerMetadata RpcRetryOptions RpcFunctionMetadata WorkerInitResponse InvocationResponse "
    "FunctionMetadataResponse FunctionLoadResponse FunctionEnvironmentReloadResponse"
)

PROTOS = SimpleNamespace(
    StatusResult=StatusResult,
    BindingInfo=BindingInfo,
    TypedData=TypedData,
    ParameterBinding=ParameterBinding,
    RpcHttp=RpcHttp,
    RpcHttpCookie=RpcHttpCookie,
    **{name: type(name, (Message,), {}) for name in _PLAIN.split()},
)
"""The namespace handed to the runtime."""


def to_typed_data(datum: Datum | None) -> TypedData:
    """Turn a datum from the wire into the object that the runtime decodes."""
    if datum is None:
        return TypedData()
    value = datum["value"]
    if datum["kind"] == "bytes":
        return TypedData(bytes=base64.b64decode(cast("str", value)))
    if datum["kind"] == "http":
        fields = dict(cast("dict[str, Json]", value))
        body = to_typed_data(cast("Datum | None", fields.pop("body")))
        return TypedData(http=RpcHttp(body=body, **fields))
    return TypedData(**{datum["kind"]: value})


def to_datum(data: TypedData | None) -> Datum | None:
    """Turn the object that the runtime encoded into a datum for the wire."""
    kind = data.WhichOneof("data") if data is not None else None
    if data is None or kind is None:
        return None
    value = getattr(data, kind)
    if kind == "bytes":
        return {"kind": "bytes", "value": base64.b64encode(value).decode("ascii")}
    if kind == "http":
        return {"kind": "http", "value": _http_fields(value)}
    return cast("Datum", {"kind": kind, "value": value})


def _http_fields(http: RpcHttp) -> dict[str, Json]:
    fields = http.__dict__
    return {
        "status_code": str(fields["status_code"]),
        "headers": dict(fields["headers"]),
        "cookies": [_cookie(cookie) for cookie in fields["cookies"] or ()],
        "body": cast("Json", to_datum(fields["body"])),
    }


def _cookie(cookie: RpcHttpCookie) -> Json:
    """Flatten a cookie: nullable wrappers become their values, a timestamp becomes seconds."""
    flat = {
        name: getattr(value, "value", value)
        for name, value in cookie.__dict__.items()
        if value is not None
    }
    flat["expires"] = getattr(flat.get("expires"), "seconds", None)
    return cast("Json", json.loads(json.dumps(flat)))
