"""Reads messages of a queue as completion events; whoever may write there is a stranger. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from pipeline.cli.views.wording import one_line
from pipeline.domain.texts.strict_json import Json, NotJson, parse
from pipeline.domain.texts.visible import visible

_TYPE = "fanfare.run."
_MOST = 200
_LONGEST_URL = 2000


@dataclass(frozen=True)
class Heard:
    """A completion event as it came, and what a line about it says."""

    event: Mapping[str, Json]
    words: tuple[str, ...]

    @property
    def line(self) -> str:
        """Time, pipeline, run, verdict, and the manifest's URL or the cause; none has a space."""
        return " ".join(self.words)


@dataclass(frozen=True)
class Unreadable:
    """A message that is no completion event, and why."""

    reason: str


def heard(body: str) -> Heard | Unreadable:
    """Read a message; what a later release adds to events is no obstacle."""
    try:
        event = parse(body.encode())
    except (NotJson, UnicodeEncodeError) as error:
        return Unreadable(f"it is no JSON: {one_line(str(error), _MOST)}")
    if not isinstance(event, dict) or not str(event.get("type", "")).startswith(_TYPE):
        return Unreadable("it is no completion event of Fanfare")
    data = event.get("data")
    if not isinstance(data, dict):
        return Unreadable("it is a completion event without data")
    named = (event.get("time"), data.get("pipeline"), data.get("run"), data.get("verdict"))
    if not all(isinstance(each, str) and each for each in named):
        return Unreadable("it does not say which run ended, when and how")
    return Heard(event, (*(_word(str(each)) for each in named), _outcome(data)))


def _outcome(data: Mapping[str, Json]) -> str:
    output, cause = data.get("output"), data.get("cause")
    manifest = output.get("manifest") if isinstance(output, dict) else None
    if isinstance(manifest, str) and manifest:
        return _word(manifest, _LONGEST_URL)
    return _word(cause) if isinstance(cause, str) and cause else "-"


def _word(text: str, most: int = _MOST) -> str:
    """Make one word of an untrusted text, so that a shell can `read` the line."""
    shown = "␠".join(visible(text[: most + 1]).split())
    return shown if len(shown) <= most else f"{shown[:most]}…"
