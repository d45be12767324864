"""Tells of files that were saved, and of what is wrong with the definitions now."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pipeline.cli.project.folder import Project
from pipeline.domain.catalogue.catalogue import Catalogue, DefinitionError
from pipeline.domain.catalogue.stamp import Facts, changed, facts_of
from pipeline.domain.definitions.pool import Pool


class Kind(StrEnum):
    """What a line is about."""

    SAVED = "saved"
    PROBLEM = "problem"
    READY = "ready"
    RUN = "run"
    LOG = "log"
    NEXT = "next"


@dataclass(frozen=True)
class Told:
    """One line for a person, or one JSON document for a program."""

    kind: Kind
    text: str
    more: Mapping[str, object] = field(default_factory=dict)


class Files:
    """The files of a project since the last look.

    `prepare` gets the pools when they are others than the `pools` that are there: a new one has to
    be made.
    """

    def __init__(
        self,
        project: Project,
        read: Callable[[], Catalogue],
        prepare: Callable[[Mapping[str, Pool]], None],
        pools: Mapping[str, Pool],
    ) -> None:
        self._project, self._read, self._prepare = project, read, prepare
        self._facts: Facts = facts_of(project.root)
        self._pools = pools

    def first(self) -> Iterator[Told]:
        """Tell what there is now."""
        yield from self._judged()

    def look(self) -> Iterator[Told]:
        """Tell what has changed since the last look, and whether it can be used."""
        found = facts_of(self._project.root)
        names = changed(self._facts, found)
        self._facts = found
        if not names:
            return
        for name in names:
            yield Told(Kind.SAVED, name if name in found else f"{name} (deleted)", {"file": name})
        yield from self._judged()

    def _judged(self) -> Iterator[Told]:
        try:
            catalogue = self._read()
        except DefinitionError as error:
            for line in str(error).splitlines():
                yield Told(Kind.PROBLEM, line)
            return
        if catalogue.pools != self._pools:
            self._prepare(catalogue.pools)
            self._pools = dict(catalogue.pools)
        names = ", ".join(sorted(catalogue.pipelines)) or "no pipeline yet"
        yield Told(Kind.READY, names, {"pipelines": sorted(catalogue.pipelines)})
