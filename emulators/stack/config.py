"""The configuration of the stack: accounts, keys, the function app, texts with placeholders."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from emulators.stack.errors import StackError

type Json = dict[str, Json] | list[Json] | str | int | float | bool | None
type ServiceName = Literal["storage", "eventgrid", "batch", "functions"]

_PLACEHOLDER = re.compile(r"\{((?:storage|eventgrid|batch|functions)\.\w+)\}")


class StackConfig(BaseModel):
    """The configuration file; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: str = "fanfare"
    storage_key: str
    batch_account: str = "fanfarebatch"
    batch_key: str
    eventgrid_key: str
    eventgrid: dict[str, Json] = Field(default_factory=dict)
    lifecycle: dict[str, Json] = Field(default_factory=dict)
    app: Path | None = None
    settings: dict[str, str] = Field(default_factory=dict)
    identities: list[str] = Field(default_factory=list)
    profile: Literal["benign", "awkward"] = "benign"
    seed: int = 0
    clock_scale: float = Field(default=1.0, gt=0)
    wake: bool = True
    eventgrid_time_scale: float = Field(default=1.0, gt=0)
    published: bool = False
    ports: dict[str, int] = Field(default_factory=dict)
    options: dict[ServiceName, list[str]] = Field(default_factory=dict)
    programs: dict[ServiceName, list[str]] = Field(default_factory=dict)


def read_config(path: Path) -> StackConfig:
    """Read the configuration; raises StackError that names the error but never a value."""
    try:
        return StackConfig.model_validate_json(path.read_bytes())
    except OSError as error:
        raise StackError(f"The configuration {path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise StackError(f"The configuration {path} is wrong: {wrong}.") from error


def fill(value: Json, known: Mapping[str, str]) -> Json:
    """Replace `{storage.blob}` and similar placeholders in every text; other braces stay."""
    if isinstance(value, dict):
        return {key: fill(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, known) for item in value]
    return fill_text(value, known) if isinstance(value, str) else value


def fill_text(text: str, known: Mapping[str, str]) -> str:
    """Replace placeholders in one text; raises StackError for an unknown one."""

    def replacement(match: re.Match[str]) -> str:
        if match[1] not in known:
            raise StackError(
                f"Unknown placeholder {match[0]}; known are {', '.join(sorted(known))}."
            )
        return known[match[1]]

    return _PLACEHOLDER.sub(replacement, text)
