"""Makes a file block by block, in as many invocations as it takes.

The blocks that are staged wait in Storage, so what has to be kept is how many there are. Their ids
follow from the invocation that staged them and their number: one that lost its lease, and goes on
nevertheless, cannot change a block of another one.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from pipeline.domain.outputs.blocks import MOST, block_id
from pipeline.domain.outputs.parts import Part
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.stored import Stored
from pipeline.errors import Conflict, Permanent
from pipeline.handlers.engine import Engine
from pipeline.handlers.tenure import Tenure, TimeIsUp
from pipeline.ports.blobs import MAX_PIECE, BlobFacts, Piece

BLOCK = 8 << 20  # bytes of a block that passes through the app
_STAGING = 16  # at a time
_AHEAD = 4  # blocks in memory at a time
_AT_ONCE = 64  # pieces between two looks at the time


class Begun(Stored):
    """What is staged of a file: all of so many outputs since an item's first one.

    `slices` tells how many blocks each invocation staged, and `kept` are digests of what else each
    knew of them. A file that is `complete` has only to be committed.
    """

    slices: tuple[tuple[str, int], ...] = ()
    item: int = 0
    outputs: int = 0
    kept: tuple[str, ...] = ()
    complete: bool = False

    @property
    def blocks(self) -> int:
        """How many blocks are staged."""
        return sum(blocks for _, blocks in self.slices)

    def ids(self) -> list[str]:
        """Return the ids of the blocks."""
        return [block_id(whose, n) for whose, blocks in self.slices for n in range(blocks)]


@dataclass(frozen=True)
class Way:
    """How outputs become a file: what ends it, and what to keep of those that passed, by digest.

    `end` gets the digests of all that was kept.
    """

    end: Callable[[Sequence[str]], Iterable[bytes]] = lambda _kept: ()
    keep: Callable[[], Sequence[str]] = tuple


@dataclass
class Staged:
    """A file that is being made. `note` records what is staged, or None if it begins anew."""

    engine: Engine
    ref: BlobRef
    begun: Begun
    tenure: Tenure
    note: Callable[[Begun | None], None]
    blocks: int = 0  # that this invocation staged

    def __post_init__(self) -> None:
        """Draw an attempt for the blocks of this invocation."""
        self._attempt = self.engine.token()

    def compose(
        self, pieces: Sequence[Piece], content_type: str, *, new: bool = False
    ) -> BlobFacts:
        """Let Storage join the pieces, of which each is one block. Raises TimeIsUp, NotFound."""
        first = self.begun.blocks
        with ThreadPoolExecutor(_STAGING, thread_name_prefix="stage") as pool:
            while left := pieces[first + self.blocks : first + self.blocks + _AT_ONCE]:
                self.await_([self.begin(pool, piece) for piece in left])
                self.tenure.renew()
                if self.engine.time_is_up and first + self.blocks < len(pieces):
                    raise self._sent_on()
        return self._commit(content_type, new=new)

    def stream(
        self, outputs: Iterable[tuple[Part, Iterator[bytes]]], content_type: str, way: "Way"
    ) -> BlobFacts:
        """Write what outputs become, each whole within one invocation. Raises TimeIsUp."""
        if self.begun.complete:
            return self._commit(content_type)
        with ThreadPoolExecutor(_AHEAD, thread_name_prefix="stage") as pool:
            blocks = _Blocks(self, pool)
            for part, chunks in outputs:
                for chunk in chunks:
                    blocks.add(chunk)
                    self.tenure.renew()  # even if it fills no block: bytes may become nearly none
                self._pass(part)
                self.tenure.renew()
                if self.engine.time_is_up:
                    blocks.flush()
                    kept = (*self.begun.kept, *way.keep())
                    self.begun = self.begun.model_copy(update={"kept": kept})
                    raise self._sent_on()
            for chunk in way.end(self.begun.kept):
                blocks.add(chunk)
                self.tenure.renew()
            blocks.flush()
        return self._commit(content_type)

    def begin(self, pool: ThreadPoolExecutor, content: bytes | Piece) -> Future[None]:
        """Begin to stage the next block."""
        block = block_id(self._attempt, self.blocks)
        self.blocks += 1
        return pool.submit(self.engine.ports.writer.stage, self.ref, block, content)

    def await_(self, begun: Sequence[Future[None]]) -> None:
        """Wait until blocks are staged."""
        self.tenure.wait(begun)
        for one in begun:
            one.result()

    def _commit(self, content_type: str, *, new: bool = False) -> BlobFacts:
        """Make the file of the blocks: a commit ends those that others stage, so it needs the step.

        If some are gone, the next invocation begins anew. Raises LeaseLost.
        """
        self.begun = self._now().model_copy(update={"complete": True})
        self.blocks = 0
        self.note(self.begun)
        writer = self.engine.ports.writer
        try:
            return writer.commit(self.ref, self.begun.ids(), content_type, only_new=new)
        except Conflict:
            self.note(None)
            raise

    def _now(self) -> Begun:
        mine = ((self._attempt, self.blocks),) if self.blocks else ()
        return self.begun.model_copy(update={"slices": (*self.begun.slices, *mine)})

    def _pass(self, part: Part) -> None:
        """Count an output that is in the blocks whole."""
        outputs = self.begun.outputs + 1 if part.item == self.begun.item else 1
        self.begun = self.begun.model_copy(update={"item": part.item, "outputs": outputs})

    def _sent_on(self) -> TimeIsUp:
        self.note(self._now())
        return TimeIsUp(f"{self._now().blocks:,} blocks of {self.ref.name} are staged.")


class _Blocks:
    """Cuts a stream into blocks and stages them; a few are in memory at a time."""

    def __init__(self, file: Staged, pool: ThreadPoolExecutor) -> None:
        self._file, self._pool = file, pool
        self._held, self._begun = bytearray(), deque[Future[None]]()

    def add(self, chunk: bytes) -> None:
        """Take the next bytes."""
        self._held += chunk
        while len(self._held) >= BLOCK:
            self._stage(bytes(self._held[:BLOCK]))
            del self._held[:BLOCK]

    def flush(self) -> None:
        """Stage what is left, and wait until all is staged."""
        if self._held:
            self._stage(bytes(self._held))
            self._held.clear()
        self._file.await_(self._begun)
        self._begun.clear()

    def _stage(self, content: bytes) -> None:
        if self._file.begun.blocks + self._file.blocks == MOST:
            raise Permanent(f"It is larger than {MOST * BLOCK >> 30} GiB: write several files.")
        if len(self._begun) == _AHEAD:
            self._file.await_([self._begun.popleft()])
        self._begun.append(self._file.begin(self._pool, content))


def cut(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Cut pieces into such as one block can have; an empty one has no block."""
    for piece in pieces:
        for offset in range(0, piece.length, MAX_PIECE):
            yield Piece(piece.ref, piece.offset + offset, min(MAX_PIECE, piece.length - offset))
