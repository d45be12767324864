"""What is to be deployed, what the Azure CLI answered about it, and what follows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from enum import StrEnum
from typing import Self

from pipeline.domain.definitions.pool import Pool, left_out
from pipeline.errors import Permanent

type Row = Mapping[str, object]
# What becomes an argument of a command. azd and Azure allow no more.
_ALLOWED = {
    "subscription": re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"),
    "environment": re.compile(r"[A-Za-z0-9_.()-]{0,63}[A-Za-z0-9_()-]"),
    "location": re.compile(r"[a-z0-9]{1,60}"),
    "principal": re.compile(r"[0-9a-fA-F-]{36}"),
}


class State(StrEnum):
    """What a finding says of the deployment; `unknown` is never a reason to believe in success."""

    OK = "ok"
    REFUSES = "refuses"
    WARNS = "warns"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Found:
    """One finding: what it is about, its state, the evidence, and the command that fixes it."""

    name: str
    state: State
    evidence: str
    fix: str = ""


class Unexpected(Permanent):
    """The answer has another shape than the Azure CLI gives it."""


class Malformed(Permanent):
    """A value of the environment is not one that Azure takes."""


@dataclass(frozen=True)
class Intent:
    """What a deployment would make. An empty text was not chosen yet."""

    subscription: str = ""
    environment: str = ""
    location: str = ""
    principal: str = ""
    private: bool = False
    gpu: bool = False
    python: str = ""
    pools: tuple[Pool, ...] = ()
    today: date = date.min

    @classmethod
    def of(cls, values: Mapping[str, str], python: str, pools: tuple[Pool, ...], day: date) -> Self:
        """Read the values of an azd environment. Raises Malformed."""
        named = {
            "subscription": values.get("AZURE_SUBSCRIPTION_ID", ""),
            "environment": values.get("AZURE_ENV_NAME", ""),
            "location": values.get("AZURE_LOCATION", "").lower().replace(" ", ""),
            "principal": values.get("AZURE_PRINCIPAL_ID", ""),
        }
        for name, value in named.items():
            if value and not _ALLOWED[name].fullmatch(value):
                raise Malformed(f"{value[:80]!r} is no {name} that Azure takes: correct it.")
        private, gpu = (
            values.get(name, "").lower() == "true"
            for name in ("FANFARE_PRIVATE_NETWORK", "FANFARE_GPU_POOLS")
        )
        without = left_out(values.get("FANFARE_WITHOUT_POOLS", ""))
        if strangers := without - {pool.name for pool in pools}:
            known = ", ".join(pool.name for pool in pools) or "none"
            raise Malformed(
                f"FANFARE_WITHOUT_POOLS names {min(strangers)[:60]!r}, which is no pool (known: "
                f"{known}): correct it by `azd env set`."
            )
        made = tuple(p for p in pools if p.name not in without and (gpu or not p.devices))
        return cls(**named, private=private, gpu=gpu, python=python, pools=made, today=day)

    def of_login(self, account: Row) -> Self:
        """Fill in what the login of `az` says: subscription and principal. Raises Unexpected."""
        user = text(row(account.get("user")), "name")
        subscription = text(account, "id")
        if user.startswith("-") or not _ALLOWED["subscription"].fullmatch(subscription):
            raise Unexpected("the answer has no subscription, or no user")
        return replace(
            self,
            subscription=self.subscription or subscription,
            principal=self.principal or user,
        )

    @property
    def group(self) -> str:
        """The resource group that everything goes into."""
        return f"rg-{self.environment}" if self.environment else ""


@dataclass(frozen=True)
class Reply:
    """What the Azure CLI answered: its JSON, or why there is none."""

    content: object = None
    trouble: str = ""


def rows(content: object) -> list[Row]:
    """Return a list of objects. Raises Unexpected."""
    if not isinstance(content, list) or not all(isinstance(one, Mapping) for one in content):
        raise Unexpected("the answer is something else than a list of objects")
    return content


def row(content: object) -> Row:
    """Return an object. Raises Unexpected."""
    if not isinstance(content, Mapping):
        raise Unexpected("the answer is something else than an object")
    return content


def text(of: Row, key: str) -> str:
    """Return a text of an object. Raises Unexpected if it is missing."""
    found = of.get(key)
    if not isinstance(found, str):
        raise Unexpected(f"the answer has no {key!r}")
    return found


def number(of: Row, key: str) -> int:
    """Return a number of an object. Raises Unexpected if it is missing."""
    found = of.get(key)
    if not isinstance(found, int):
        raise Unexpected(f"the answer has no {key!r}")
    return found


def truth(of: Row, key: str) -> bool:
    """Return whether something of an object is true. Raises Unexpected if it is missing."""
    found = of.get(key)
    if not isinstance(found, bool):
        raise Unexpected(f"the answer has no {key!r}")
    return found
