"""Reads single query parameters: numbers within their range, refusals in the service's words."""

from collections.abc import Mapping

from emulators.batch.errors import BatchError

_MOST_SHOWN = 200


def refuse(name: str, value: str, reason: str) -> BatchError:
    """Build the refusal of a query parameter's value."""
    return BatchError(
        "InvalidQueryParameterValue",
        QueryParameterName=name,
        QueryParameterValue=value[:_MOST_SHOWN],
        Reason=reason,
    )


def number(query: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """Return a whole number within its range; parameter names are in lower case here."""
    text = query.get(name)
    if text is None:
        return default
    if not text.strip().removeprefix("-").isascii() or not text.strip().removeprefix("-").isdigit():
        raise refuse(name, text, "The value has to be a whole number.")
    if len(text) > _MOST_SHOWN or not least <= int(text) <= most:
        raise BatchError(
            "OutOfRangeQueryParameterValue",
            QueryParameterName=name,
            QueryParameterValue=text[:_MOST_SHOWN],
            Reason=f"The value has to be from {least} to {most}.",
        )
    return int(text)
