"""The event subscriptions of a local stack; its Event Grid keeps them across restarts."""

from collections.abc import Mapping
from http.client import HTTPException
from typing import Self, cast
from urllib.parse import quote

from pipeline.cli.exits import CommandError, Exit
from pipeline.cli.stack.calls import call
from pipeline.cli.stack.config import Json
from pipeline.cli.stack.process import LocalStack

_OK, _REFUSED, _GONE = 200, 400, 404
_HANDSHAKE_S = 40.0  # Event Grid gives an endpoint 30 seconds to answer
_ADDED = ("topic", "provisioningState")  # by the service to what was asked for

type Properties = dict[str, Json]


class Refused(CommandError):
    """Event Grid does not take a subscription; `reason` is in its own words."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"The event subscription {name} cannot be created: {reason}")
        self.reason = reason


class EventGrid:
    """The Event Grid of a local stack that runs; `mend` is the command for one that is silent."""

    def __init__(self, endpoint: str, key: str, mend: str = "fanfare up") -> None:
        self._base, self._mend = f"{endpoint}/subscriptions", mend
        self._key = {"aeg-sas-key": key}

    @classmethod
    def of(cls, stack: LocalStack) -> Self:
        """Return that of a stack. Raises CommandError while the stack starts or stops."""
        endpoints = cast(
            "Mapping[str, Mapping[str, str]]", stack.description().get("endpoints", {})
        )
        if "eventgrid" not in endpoints:
            raise CommandError(
                "The local stack does not say where its Event Grid is: it starts or stops, or the "
                "target is not its folder. Try again in some seconds.",
                Exit.UNREACHABLE,
            )
        endpoint = endpoints["eventgrid"]["endpoint"]
        return cls(endpoint, stack.keys().eventgrid, stack.command("up"))

    def subscriptions(self, topic: str) -> dict[str, Properties]:
        """Return the properties of a topic's subscriptions, as they were asked for, by name."""
        _, found = self._call("GET", self._base)
        every = cast("list[dict[str, Properties]]", found.get("value") or [])
        return {
            str(each["name"]): _asked_for(each["properties"])
            for each in every
            if each["properties"].get("topic") == topic
        }

    def find(self, topic: str, name: str) -> Properties | None:
        """Return the properties of a subscription as they were asked for; None if it is missing."""
        status, found = self._call("GET", self._url(topic, name))
        properties = found.get("properties")
        return _asked_for(properties) if status == _OK and isinstance(properties, dict) else None

    def create(self, topic: str, name: str, properties: Json) -> None:
        """Create a subscription, or replace it; a web hook is asked first. Raises Refused."""
        body: Json = {"properties": properties}
        status, found = self._call("PUT", self._url(topic, name), body, _HANDSHAKE_S)
        if status >= _REFUSED:
            raise Refused(name, _reason(found, status))
        made = found.get("properties")
        if not isinstance(made, dict) or made.get("provisioningState") != "Succeeded":
            raise Refused(name, "the endpoint did not accept it at once.")

    def delete(self, topic: str, name: str) -> bool:
        """Delete a subscription; return whether it was there."""
        return self._call("DELETE", self._url(topic, name))[0] == _OK

    def _url(self, topic: str, name: str) -> str:
        return f"{self._base}/{quote(topic, safe='')}/{quote(name, safe='')}"

    def _call(
        self, method: str, url: str, body: Json = None, answer_s: float = 10.0
    ) -> tuple[int, dict[str, Json]]:
        try:
            status, found = call(method, url, body, self._key, answer_s)
        except (OSError, HTTPException) as error:
            raise CommandError(
                f"The local Event Grid does not answer ({type(error).__name__}): "
                f"`{self._mend}` mends the stack.",
                Exit.UNREACHABLE,
            ) from error
        if method == "GET" and status not in (_OK, _GONE):
            raise CommandError(f"The local Event Grid answers {_reason(found, status)}")
        return status, found


def _asked_for(properties: Properties) -> Properties:
    return {name: value for name, value in properties.items() if name not in _ADDED}


def _reason(found: Mapping[str, Json], status: int) -> str:
    error = found.get("error")
    said = error.get("message") if isinstance(error, dict) else None
    return str(said or f"status {status}")
