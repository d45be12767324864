"""Reads the query of a request and checks it against what the operation knows."""

from collections.abc import Mapping
from urllib.parse import parse_qsl

from emulators.batch.errors import BatchError
from emulators.batch.query.page import selected
from emulators.batch.query.parameters import number, refuse
from emulators.batch.validation import schema
from emulators.batch.wire.contract import Contract
from emulators.batch.wire.versions import added, check_version

_MOST_PARAMETERS = 64
_LONGEST_S = 1 << 31


def split_query(raw: str) -> tuple[tuple[str, str], ...]:
    """Return names and values in order, decoded."""
    try:
        return tuple(
            parse_qsl(raw, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS, errors="strict")
        )
    except ValueError as error:
        raise BatchError("InvalidUri", status=400) from error


def read_query(
    given: tuple[tuple[str, str], ...], contract: Contract, *, in_review: bool = False
) -> Mapping[str, str]:
    """Return the parameters by lower-case name, or refuse them.

    `in_review` serves the versions in public review, too.
    """
    query: dict[str, str] = {}
    for name, value in given:
        if name.lower() in query:
            raise refuse(name, value, "The parameter is specified more than once.")
        query[name.lower()] = value
    _check_version(query, in_review=in_review)
    # A value above the service's limit is no error; then the limit holds.
    number(query, "timeout", 30, 1, _LONGEST_S)
    for name, value in query.items():
        if name.startswith("$") and not contract.knows(name):
            raise BatchError(
                "UnsupportedQueryParameter",
                QueryParameterName=name[:200],
                QueryParameterValue=value[:200],
            )
    _check_shape(query, contract)
    return query


def _check_version(query: Mapping[str, str], *, in_review: bool) -> None:
    version = query.get("api-version")
    if not version:
        raise BatchError("MissingRequiredQueryParameter", QueryParameterName="api-version")
    check_version(version, in_review=in_review)


def _check_shape(query: Mapping[str, str], contract: Contract) -> None:
    expand = query.get("$expand", "")
    if any(name.strip().lower() not in ("", "stats") for name in expand.split(",")):
        raise refuse("$expand", expand, "The only value supported is stats.")
    if not contract.shows:
        return
    known = schema.names(contract.shows) | added(query["api-version"], contract.shows)
    for name in selected(query):
        if name.lower() not in known:
            raise refuse("$select", query["$select"], f"There is no property '{name[:100]}'.")
