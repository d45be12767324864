"""Hides secrets in what programs print: their values, and how logs and tracebacks spell them.

A program that tries can print its secrets so that nobody finds them: one character a line, or
encrypted. This is for programs that print one by mistake.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from task_scripts.runtime.secrecy.runner_spelling import Spelling


class _Span(NamedTuple):
    start: int
    stop: int
    name: str


class Redactor:
    """Replaces the values of secrets, by name, with a mark that has the name."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self.longest = self._least = 0
        # By how they begin, so that the time does not grow with the number of spellings.
        self._spellings: dict[bytes, dict[Spelling, str]] = {}
        if values:
            self._spell(values)

    def _spell(self, values: Mapping[str, str]) -> None:
        """Find the spellings of the values; few tasks have secrets, and others start sooner."""
        if TYPE_CHECKING or __package__:
            from task_scripts.runtime.secrecy import runner_spelling as spelling  # noqa: PLC0415
        else:  # on a node the files are in one folder
            import runner_spelling as spelling  # noqa: PLC0415
        self._least = spelling.LEAST
        for name, value in values.items():
            for one in spelling.spellings(value):
                self._spellings.setdefault(one.text[: self._least], {}).setdefault(one, name)
                self.longest = max(self.longest, one.before + len(one.text) + one.after)

    def hide(self, data: bytes, first: int = 0, stop: "int | None" = None) -> bytes:
        """Return the bytes from `first` on and before `stop`, with marks in place of secrets.

        A secret is found as a whole, and its mark is there if any byte of it would be.
        """
        hidden, at = bytearray(), first
        stop = len(data) if stop is None else stop
        for span in _united(sorted(self._found(data))):
            if span.stop > first and span.start < stop:
                hidden += data[at : span.start] + f"[secret {span.name}]".encode()
                at = span.stop
        return bytes(hidden + data[at:stop])

    def hide_text(self, text: str) -> str:
        """Return a text with marks in place of secrets."""
        if not self._spellings:
            return text
        return self.hide(text.encode(errors="backslashreplace")).decode(errors="replace")

    def shows(self, text: str) -> bool:
        """Tell whether a text has a secret in it."""
        return any(True for _ in self._found(text.encode(errors="surrogateescape")))

    def _found(self, data: bytes) -> Iterator[_Span]:
        begins, least = self._spellings, self._least
        for at in range(len(data) - least + 1 if begins else 0):
            for (text, before, after), name in begins.get(data[at : at + least], {}).items():
                if data.startswith(text, at):
                    end = at + len(text) + after
                    yield _Span(max(at - before, 0), min(end, len(data)), name)


def _united(spans: "list[_Span]") -> Iterator[_Span]:
    """Yield sorted spans; those that overlap are one, with the name of the first."""
    whole: _Span | None = None
    for span in spans:
        if whole is not None and span.start < whole.stop:
            whole = whole._replace(stop=max(whole.stop, span.stop))
            continue
        if whole is not None:
            yield whole
        whole = span
    if whole is not None:
        yield whole
