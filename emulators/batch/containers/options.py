"""Reads `containerRunOptions` as the agent does: it knows a list of options, and refuses others.

Azure does not publish its list. This one holds what public clients of Batch pass.
"""

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_VARIABLE = re.compile(r"\$(?:\{(AZ_BATCH_\w+)\}|(AZ_BATCH_\w+))")
_TRUTHS = {"1": True, "t": True, "true": True, "0": False, "f": False, "false": False}
_REMOVE, _NETWORK, _USER = "--rm", "--network", "--user"


class InvalidSettings(Exception):
    """The container settings are wrong; the text says why, `settings` which."""

    def __init__(self, settings: str, reason: str) -> None:
        super().__init__(reason)
        self.settings = settings


@dataclass(frozen=True, slots=True)
class Known:
    """An option that the agent knows, and who passes it; a switch takes no value."""

    source: str
    spellings: tuple[str, ...] = ()
    is_switch: bool = False


_ARTICLE = "learn.microsoft.com/azure/batch/batch-docker-container-workloads"
_AGENT = "github.com/Azure/Batch, changelogs/nodeagent"
_NEXTFLOW = "github.com/nextflow-io/nextflow, AzBatchService.groovy"
_HASTE = "github.com/microsoft/haste"
_GUESS = "a guess: no public client of Batch was found that passes it"
ACCEPTED: Mapping[str, Known] = {
    _REMOVE: Known(_ARTICLE, is_switch=True),
    "--workdir": Known(_ARTICLE, ("-w",)),
    "--read-only": Known(_ARTICLE, is_switch=True),
    "--volume": Known(_AGENT, ("-v",)),
    "--mount": Known(_AGENT),
    "--hostname": Known(_AGENT, ("-h",)),
    "--entrypoint": Known("github.com/MicrosoftDocs/azure-docs/issues/94943"),
    "--privileged": Known(_NEXTFLOW, is_switch=True),
    "--env": Known(_NEXTFLOW, ("-e",)),
    "--cpu-shares": Known(_NEXTFLOW, ("-c",)),
    "--memory": Known(_NEXTFLOW, ("-m",)),
    "--shm-size": Known(_HASTE),
    _USER: Known(_HASTE, ("-u",)),
    "--ipc": Known("github.com/CDCgov/cfa-cloudops"),
    "--name": Known("github.com/CDCgov/cfa_azure"),
    "--cpus": Known(_GUESS),
    "--log-driver": Known(_GUESS),
    "--log-opt": Known(_GUESS),
    _NETWORK: Known(_GUESS, ("--net",)),
}
_NAMES = {
    spelling: name for name, known in ACCEPTED.items() for spelling in (name, *known.spellings)
}


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options of one task, in one spelling, in their order."""

    given: tuple[tuple[str, str], ...] = ()

    @property
    def arguments(self) -> list[str]:
        """Return the arguments of `create`. The emulator removes containers itself, and needs to
        look at them first."""
        return [f"{name}={value}" for name, value in self.given if name != _REMOVE]

    @property
    def removes(self) -> bool:
        """Tell whether the container goes when its task ends."""
        return self._last(_REMOVE) == "true"

    @property
    def network(self) -> str:
        """Return the network that they ask for, or an empty text."""
        return self._last(_NETWORK)

    def _last(self, wanted: str) -> str:
        return next((value for name, value in reversed(self.given) if name == wanted), "")


def read_options(text: str, variables: Mapping[str, str]) -> RunOptions:
    """Return the options of a text; raises InvalidSettings.

    Batch's own variables are expanded inside each word, so a value cannot add an option.
    """
    try:
        words = [_expanded(word, variables) for word in shlex.split(text)]
    except ValueError as error:
        raise InvalidSettings(text, str(error)) from error
    unknown: list[str] = []
    given = tuple(_pairs(text, words, unknown))
    if unknown:
        names = " ".join(unknown)
        reason = f"Some supplied docker options are not recognized or are unsupported: {names}"
        raise InvalidSettings(text, reason)
    return RunOptions(given)


def _expanded(word: str, variables: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: variables.get(found[1] or found[2], found[0]), word)


def _pairs(text: str, words: list[str], unknown: list[str]) -> Iterator[tuple[str, str]]:
    """Yield names with values, and note what is unknown; its value follows it unread."""
    rest = iter(words)
    previous_unknown = False
    for word in rest:
        spelling, value = _split(word)
        name = _NAMES.get(spelling)
        if name is None:
            if word.startswith("-") or not previous_unknown:
                unknown.append(spelling)
            previous_unknown = True
            continue
        previous_unknown = False
        if ACCEPTED[name].is_switch:
            yield name, _truth(text, name, value)
        else:
            yield name, _value(text, name, next(rest, None) if value is None else value)


def _split(word: str) -> tuple[str, str | None]:
    """Return the option's spelling and the value that the same word has, if any."""
    if word.startswith("--"):
        spelling, equals, value = word.partition("=")
        return spelling, value if equals else None
    if word.startswith("-") and len(word) > len("-x"):
        return word[:2], word[2:].removeprefix("=")
    return word, None


def _truth(text: str, name: str, value: str | None) -> str:
    if value is None:
        return "true"
    if value.lower() not in _TRUTHS:
        raise InvalidSettings(text, f"{name} is a switch: true or false, not {value!r}")
    return str(_TRUTHS[value.lower()]).lower()


def _value(text: str, name: str, value: str | None) -> str:
    if value is None:
        raise InvalidSettings(text, f"flag needs an argument: {name}")
    return value
