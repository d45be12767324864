"""The splits that read the run's input: lines, rows of a table, bytes, and lists of items."""

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import chain, dropwhile, islice

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.splits import ManifestFormat, ManifestSplit
from pipeline.domain.notation.placeholders import names_in
from pipeline.domain.plans import cuts
from pipeline.domain.plans.listed import Entry, entries_of_csv, entries_of_json
from pipeline.domain.plans.plan import PlannedCut, PlannedInput
from pipeline.domain.plans.split import Item, PlanError, some
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.domain.texts import records
from pipeline.domain.texts.encodings import UTF_8, Text, opened, reopened
from pipeline.domain.texts.fields import Fields
from pipeline.handlers.engine import Engine
from pipeline.handlers.planning import inputs
from pipeline.handlers.planning.work import Bookmark, Drawn, Work, alike

MAX_TEXT = 256 << 20
MAX_MANIFEST = 64 << 20


def lines(engine: Engine, run: Run, definition: Pipeline, bookmark: Bookmark) -> Work:
    """Cut a text into groups of lines: as an argument or as a file, as the arguments say."""
    split = definition.split.lines
    assert split is not None  # noqa: S101 - the table is keyed by kind
    text, cut = _text(engine, run, definition, split.encoding, bookmark)
    used = _placeholders(definition)
    in_file = cut.placeholder in used
    how = cuts.Lines(
        per_item=split.resolved(run.parameters),
        skip_header=split.skip_header,
        text=split.text if split.text in used or not in_file else None,
        file=in_file,
    )
    found = records.lines(text.utf8(), text.start, goes_on=bookmark.at > 0)
    items = cuts.split_lines(_from(found, bookmark), how, after=bookmark.item)
    return alike(items, cut if in_file else None)


def rows(engine: Engine, run: Run, definition: Pipeline, bookmark: Bookmark) -> Work:
    """Cut a table into groups of rows, each with the header."""
    split = definition.split.csv
    assert split is not None  # noqa: S101 - the table is keyed by kind
    text, cut = _text(engine, run, definition, split.encoding, bookmark)
    fields = Fields(split.delimiter.encode(), split.quote.encode())
    found = records.rows(text.utf8(), fields, text.start, goes_on=bookmark.at > 0)
    rest: Iterable[records.Record] = _from(found, bookmark)
    if bookmark.at and split.header:
        beginning = _opened(engine, run, split.encoding, MAX_TEXT)
        header = islice(records.rows(beginning.utf8(), fields, beginning.start), 1)
        rest = chain(header, rest)
    per_item = split.resolved(run.parameters)
    items = cuts.split_rows(rest, per_item, header=split.header, after=bookmark.item)
    return alike(items, cut)


def pieces(engine: Engine, run: Run, definition: Pipeline, bookmark: Bookmark) -> Work:
    """Cut the input into pieces, between its records if a mark tells them."""
    split = definition.split.bytes
    assert split is not None  # noqa: S101 - the table is keyed by kind
    source = inputs.of(run)
    marks = cuts.Marks(
        lambda offset, length: engine.ports.blobs.read(source.ref, offset, length),
        source.size,
        end=(split.record_end or "").encode(),
        start=(split.record_start or "").encode(),
    )
    per_item = split.resolved(run.parameters)
    items = cuts.split_bytes(
        source.size, per_item, marks.at_or_after, after=bookmark.item, begin=bookmark.at
    )
    return alike(items, PlannedCut(placeholder=definition.split.files[0]))


def manifest(engine: Engine, run: Run, definition: Pipeline, bookmark: Bookmark) -> Work:
    """Make an item of each entry of the input; a blob that an entry names is pinned for it.

    The input is small: to go on at a bookmark, its entries are read again.
    """
    split = definition.split.manifest
    assert split is not None  # noqa: S101 - the table is keyed by kind
    entries = _entries(_opened(engine, run, split.encoding, MAX_MANIFEST), split)
    numbered = (
        (Item(number, entry.parameters), entry.blob)
        for number, entry in enumerate(islice(entries, bookmark.item, None), bookmark.item)
    )
    none = "the manifest is empty: there is nothing to do"
    if split.container is None:
        return alike(some((item for item, _ in numbered), none, after=bookmark.item))
    found = some(numbered, none, after=bookmark.item)
    return Work(_with_blobs(engine, run, split.container, found))


def _entries(text: Text, split: ManifestSplit) -> Iterator[Entry]:
    blobs = split.container is not None
    if split.format is ManifestFormat.JSON:
        whole = b"".join(text.utf8()).decode()
        return entries_of_json(whole, split.parameters, blobs=blobs)
    fields = Fields(split.delimiter.encode(), split.quote.encode())
    found = records.rows(text.utf8(), fields, text.start)
    return entries_of_csv(found, fields, split.parameters, blobs=blobs)


def _with_blobs(
    engine: Engine, run: Run, container: str, numbered: Iterator[tuple[Item, str | None]]
) -> Iterator[Drawn]:
    def fetch(number: int, name: str) -> tuple[PlannedInput, ...]:
        facts = engine.ports.blobs.head(BlobRef(container, name))
        if facts is None:
            raise PlanError(
                f"the manifest, entry {number}: there is no blob {name!a} in {container}"
            )
        return inputs.pinned(engine, run, number, facts)

    for item, name in numbered:
        yield Drawn(Bookmark(item=item.id + 1), item, fetch=partial(fetch, item.id, name or ""))


def _text(
    engine: Engine, run: Run, definition: Pipeline, encoding: str | None, bookmark: Bookmark
) -> tuple[Text, PlannedCut]:
    """Open a text at a bookmark; only UTF-8 need not be read from its beginning."""
    text = _opened(engine, run, encoding, MAX_TEXT)
    if bookmark.at and text.encoding == UTF_8:
        text = reopened(engine.ports.blobs.stream(inputs.of(run).ref, bookmark.at), bookmark.at)
    return text, PlannedCut(placeholder=definition.split.files[0], encoding=text.encoding)


def _from(found: Iterable[records.Record], bookmark: Bookmark) -> Iterator[records.Record]:
    """Leave out the records before a bookmark."""
    return dropwhile(lambda record: record.start < bookmark.at, found)


def _opened(engine: Engine, run: Run, encoding: str | None, limit: int) -> Text:
    """Open the run's input as a text. Raises PlanError if it is too large."""
    source = inputs.of(run)
    if source.size > limit:
        raise PlanError(
            f"the text has {source.size:,} bytes; the limit of this split is {limit:,}: split it "
            "by bytes, which has none"
        )
    return opened(engine.ports.blobs.stream(source.ref), encoding)


def _placeholders(definition: Pipeline) -> set[str]:
    task = definition.task
    return {name for text in (*task.arguments, *(task.command or ())) for name in names_in(text)}
