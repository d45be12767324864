"""The bodies of HTTP requests: what they may hold, and how they are read."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, ValidationInfo

from pipeline.domain.definitions.parameters import ScalarValue
from pipeline.domain.definitions.types import ContainerName
from pipeline.domain.notation.spelling import nearest
from pipeline.domain.runs import naming
from pipeline.errors import Permanent

MAX_BODY = 64 << 10
MAX_KEY = 200
_LONGEST_NAME = 1024
_SHA_256 = r"^[0-9a-f]{64}$"
_LONGEST_FILE = 200  # the folder that an upload gets is before it
# A caller's input is read with the app's own rights and handed to the caller's tasks. So it cannot
# come from containers of the engine or the Functions host (`azure-webjobs-secrets` holds keys).
_HOST_CONTAINERS = "azure-webjobs-"


class TooLarge(Permanent):
    """The body of a request is too large."""


class Packed(Permanent):
    """The body of a request is packed, and nobody unpacks it."""


def _usable(key: str) -> str:
    if not key.strip():
        raise ValueError("it is empty: leave it out, or give it a value")
    if not key.isprintable():
        raise ValueError("it may have printable characters only, no control characters")
    return key


def _nameable(name: str) -> str:
    if "\0" in name:
        raise ValueError("the name of a blob cannot have the character NUL")
    return name


def _plain(name: str) -> str:
    if name in (".", "..") or not name.isprintable() or "/" in name or "\\" in name:
        raise ValueError("it must be the name of a file, without folders and control characters")
    return name


def _open_to_callers(container: str, info: ValidationInfo) -> str:
    if naming.is_upload(naming.BlobRef(container, info.data.get("name", ""))):
        return container
    if container in naming.RESERVED or container.startswith(_HOST_CONTAINERS):
        raise ValueError(f"container {container} cannot hold inputs: the app uses it itself")
    return container


class InputBlob(BaseModel):
    """A blob that a run is to work on; it must exist."""

    model_config = ConfigDict(extra="forbid", strict=True)

    # In this order: which containers are open depends on the name.
    name: Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME), AfterValidator(_nameable)]
    container: Annotated[ContainerName, AfterValidator(_open_to_callers)]


class StartRequest(BaseModel):
    """What a run is to do."""

    model_config = ConfigDict(extra="forbid", strict=True)

    pipeline: str = Field(max_length=32, description="It must have `trigger: {http: true}`.")
    input: InputBlob | None = None
    parameters: dict[str, ScalarValue] = Field(default_factory=dict, max_length=50)
    idempotency_key: (
        Annotated[str, Field(min_length=1, max_length=MAX_KEY), AfterValidator(_usable)] | None
    ) = Field(
        default=None,
        description="Printable characters. The header `Idempotency-Key` takes precedence.",
    )


class UploadRequest(BaseModel):
    """A file that is to become the input of a run."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: Annotated[str, Field(min_length=1, max_length=_LONGEST_FILE), AfterValidator(_plain)] = (
        Field(
            description="Its name without folders or control characters; programs see its suffix."
        )
    )
    sha256: Annotated[str, Field(min_length=64, max_length=64, pattern=_SHA_256)] | None = Field(
        default=None,
        description="The digest of its bytes. The same caller's same file then has one place, so "
        "that the same request with the same key has the same input.",
    )


def read[B: BaseModel](kind: type[B], body: bytes, encoding: str | None = None) -> B:
    """Read a body as JSON. Raises Permanent, which names the field; TooLarge; Packed.

    A body in an `encoding` is refused: the host unpacks none, and neither do we.
    """
    if encoding and encoding.strip().lower() != "identity":
        text = f"The header Content-Encoding ({encoding[:50]!a}) is not supported"
        raise Packed(f"{text}: send the JSON unpacked.")
    if len(body) > MAX_BODY:
        raise TooLarge(f"The request has {len(body):,} bytes; the limit is {MAX_BODY:,}.")
    try:
        return kind.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise Permanent(f"The request is invalid: {_first_fault(kind, error)}") from error


def check_key(key: str) -> None:
    """Raise Permanent unless the header Idempotency-Key can be a key."""
    if len(key) > MAX_KEY:
        raise Permanent(f"The header Idempotency-Key has more than {MAX_KEY} characters.")
    try:
        _usable(key)
    except ValueError as error:
        raise Permanent(f"The header Idempotency-Key is invalid: {error}.") from error


def _first_fault(kind: type[BaseModel], error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"]))[:100] or "body"
    why = first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        known = InputBlob if first["loc"][0] == "input" else kind
        why = f"no such field{nearest(str(first['loc'][-1]), known.model_fields)}"
    return f"{where}: {why}"
