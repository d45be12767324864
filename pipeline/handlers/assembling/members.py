"""The members of an archive that is written in slices: kept in lists, of which one is held."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain

from pydantic import TypeAdapter

from pipeline.domain.outputs.archive import Member, Zip, ended
from pipeline.domain.runs.run import Run
from pipeline.handlers import kept
from pipeline.handlers.engine import Engine

LISTED = 50_000  # members of a list, some MiB
_STEP = "zipped"
_LIST = TypeAdapter(list[Member])


class Members:
    """Writes the members of an archive after those of the lists that earlier slices kept.

    Close it in the end. Raises Spoiled.
    """

    def __init__(self, engine: Engine, run: Run, before: Sequence[str]) -> None:
        self._engine, self._run = engine, run
        self._kept = list[str]()  # by this slice
        last = self._read(before[-1])[-1:] if before else []
        self._archive = Zip(last[0].end if last else 0)

    def add(self, name: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Write a member; yield its bytes."""
        if self._archive.pending >= LISTED:
            self.keep()
        return self._archive.add(name, chunks)

    def keep(self) -> Sequence[str]:
        """Keep the members of this slice; return the digests of their lists."""
        if taken := self._archive.take():
            content = _LIST.dump_json(taken)
            self._kept.append(kept.keep(self._engine, self._run, _STEP, content))
        return self._kept

    def end(self, before: Sequence[str]) -> Iterator[bytes]:
        """Yield what ends the archive, after the lists of earlier slices and of this one."""
        lists = chain(map(self._read, chain(before, self._kept)), (self._archive.take(),))
        return ended(chain.from_iterable(lists))

    def close(self) -> None:
        """Leave the archive as it is."""
        self._archive.close()

    def _read(self, digest: str) -> list[Member]:
        content = kept.read(self._engine, self._run, _STEP, digest, "a list of members")
        return _LIST.validate_json(content)
