"""The assemblers: they turn item outputs, in item order, into files in a folder of their own.

A table from kind to function; each returns its files, or OnNode while a program makes them.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from itertools import islice

from pipeline.domain.definitions.pipeline import Pipeline
from pipeline.domain.definitions.stages import Reduction, TextFormat
from pipeline.domain.outputs import concatenate
from pipeline.domain.outputs.archive import check_members, zipped
from pipeline.domain.outputs.blocks import MOST
from pipeline.domain.outputs.concatenate import Joiner
from pipeline.domain.outputs.content_types import content_type_of
from pipeline.domain.outputs.kept_parts import Outputs
from pipeline.domain.outputs.parts import Names, Part
from pipeline.domain.outputs.reduce import Reducing
from pipeline.domain.plans.delivery import check_count
from pipeline.domain.plans.files import local_name
from pipeline.domain.plans.plan import PlannedInput
from pipeline.domain.runs import naming
from pipeline.domain.runs.manifest import AssembledFile, Digest
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.run import Run
from pipeline.domain.texts.strict_json import Json, parse
from pipeline.errors import Permanent
from pipeline.handlers import kept
from pipeline.handlers.assembling.contents import contents, pieces
from pipeline.handlers.assembling.members import Members
from pipeline.handlers.assembling.staging import BLOCK, Begun, Staged, Way, cut
from pipeline.handlers.engine import Engine
from pipeline.handlers.planning import inputs
from pipeline.handlers.running import stages
from pipeline.handlers.running.stages import OnNode
from pipeline.ports.blobs import BlobFacts

STREAMED = 32 << 20
AT_ONCE = 5_000  # parts that are joined in one invocation
MAX_JSON = 16 << 20
MAX_REDUCED = 64 << 20  # of what is held of a reduction
MAX_PART = 8 << 30  # bytes that pass through the app within a third of an invocation's time
MAX_STREAMED = MOST * BLOCK * 3 // 4  # the last block of a slice may be short
_REDUCED = "reduced"
_FEWER = "let the items of the pipeline be larger, or write fewer files"

type Files = Collection[AssembledFile]

_TYPES = {
    TextFormat.TEXT: "text/plain; charset=utf-8",
    TextFormat.CSV: "text/csv",
    TextFormat.JSONL: "application/x-ndjson",
}


@dataclass(frozen=True)
class Assembly:
    """What an assembler gets; it makes its files in a folder of its own, or in slices."""

    engine: Engine
    run: Run
    definition: Pipeline
    parts: Outputs
    folder: str
    staged: Callable[[str], Staged]

    @property
    def large(self) -> bool:
        """Whether what passes through the app may take more than one invocation."""
        return self.parts.most_bytes > STREAMED or self.parts.count > AT_ONCE

    def ref(self, name: str) -> BlobRef:
        """Return the blob of a file in the assembler's own folder."""
        return BlobRef(naming.ENGINE, f"{self.folder}/{name}")

    def streams(self, begun: Begun | None = None) -> Iterator[tuple[Part, concatenate.Part]]:
        """Yield the parts with their content, one after another, from what is staged on."""
        since = self.parts.since(begun.item) if begun else iter(self.parts)
        left = islice(since, begun.outputs if begun else 0, None)
        for part, chunks in contents(self.engine.ports.blobs, left):
            label = _label(part)
            yield part, concatenate.Part(label, _verified(part, label, chunks))


def _label(part: Part) -> str:
    return f"{part.name} of item {part.item}"


def _verified(part: Part, label: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a part's bytes. Raises AssembleError if they are not those that the node wrote."""
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
    if part.sha256 and digest.hexdigest() != part.sha256:
        raise concatenate.AssembleError(
            f"{label}: its bytes in Storage are not those that its node wrote"
        )


def assemble(assembly: Assembly) -> Files | OnNode:
    """Make the output's files, or return OnNode while a program makes them. Raises Permanent."""
    return _ASSEMBLERS[assembly.definition.assemble.kind](assembly)


def _concatenate(assembly: Assembly) -> Files:
    chosen = assembly.definition.assemble.concatenate
    if chosen is None:
        return []
    kind = _TYPES.get(chosen.format) or content_type_of(chosen.name)
    if not assembly.large:
        chunks = concatenate.concatenate(chosen, (part for _, part in assembly.streams()))
        return [_upload(assembly, chosen.name, chunks, kind)]
    file = assembly.staged(chosen.name)
    if chosen.format is TextFormat.PLAIN and assembly.parts.most_bytes > STREAMED:
        composed = list(islice(cut(pieces(assembly.parts)), MOST + 1))
        if len(composed) <= MOST:
            return [_made(chosen.name, file.compose(composed, kind), kind)]
    joiner = Joiner(chosen)
    if file.begun.slices:
        joiner.learn(part for _, part in assembly.streams())
    else:
        _check_streamed(assembly)
    joined = ((part, joiner.join(content)) for part, content in assembly.streams(file.begun))
    return [_made(chosen.name, file.stream(joined, kind, Way()), kind)]


def _check_streamed(assembly: Assembly) -> None:
    """Raise AssembleError for what is too large to pass through the app, before any of it does."""
    if assembly.parts.most_bytes > MAX_STREAMED:
        raise concatenate.AssembleError(
            f"the outputs have {assembly.parts.most_bytes >> 30:,} GiB, and the app joins at most "
            f"{MAX_STREAMED >> 30:,} GiB of them: use `format: plain` or a program"
        )
    if assembly.parts.most_bytes <= MAX_PART:
        return  # no part is larger than all together
    if large := next((part for part in assembly.parts if part.size > MAX_PART), None):
        raise concatenate.AssembleError(
            f"{_label(large)} has {large.size >> 30:,} GiB, and the app reads at most "
            f"{MAX_PART >> 30} GiB of one: let items be smaller, or use `format: plain` "
            "or a program"
        )


def _zip(assembly: Assembly) -> Files:
    chosen = assembly.definition.assemble.zip
    if chosen is None:
        return []
    kind, names = "application/zip", Names(assembly.parts)
    if not assembly.large:
        check_members(names)
        members = ((names.of(part), content.chunks) for part, content in assembly.streams())
        return [_upload(assembly, chosen.name, zipped(members), kind)]
    file = assembly.staged(chosen.name)
    if not file.begun.slices:
        check_members(names)
        _check_streamed(assembly)
    return [_made(chosen.name, _zip_on(assembly, file, names, kind), kind)]


def _zip_on(assembly: Assembly, file: Staged, names: Names, kind: str) -> BlobFacts:
    """Go on with an archive after the members that are in it."""
    with closing(Members(assembly.engine, assembly.run, file.begun.kept)) as members:
        outputs = assembly.streams(file.begun)
        added = ((part, members.add(names.of(part), content.chunks)) for part, content in outputs)
        return file.stream(added, kind, Way(members.end, members.keep))


def _reduce(assembly: Assembly) -> Files:
    chosen = assembly.definition.assemble.reduce
    if chosen is None:
        return []
    kind = "application/json"
    if not assembly.large:
        _check_json(assembly.parts)
        reducing = Reducing(chosen.fields)
        for _, part in assembly.streams():
            reducing.add(part.label, _json(part))
        return [_upload(assembly, chosen.name, [_reduced(reducing)], kind)]
    file = assembly.staged(chosen.name)
    if not file.begun.kept:
        _check_json(assembly.parts)
    return [_made(chosen.name, _reduce_on(assembly, chosen.fields, file, kind), kind)]


def _reduce_on(
    assembly: Assembly, fields: Mapping[str, Reduction], file: Staged, kind: str
) -> BlobFacts:
    """Go on after the outputs that are reduced, from what the last slice kept of them."""
    engine, run = assembly.engine, assembly.run
    last = file.begun.kept[-1:]
    before = [kept.read(engine, run, _REDUCED, one, "what is reduced so far") for one in last]
    reducing = Reducing(fields, b"".join(before))

    def reduced() -> Iterator[tuple[Part, Iterator[bytes]]]:
        passed = 0
        for part, content in assembly.streams(file.begun):
            reducing.add(content.label, _json(content))
            passed += part.size
            if passed >= MAX_REDUCED:
                _checked(reducing.kept)
                passed = 0
            yield part, iter(())

    def keep() -> list[str]:
        return [kept.keep(engine, run, _REDUCED, _checked(reducing.kept))]

    return file.stream(reduced(), kind, Way(lambda _kept: [_reduced(reducing)], keep))


def _check_json(parts: Iterable[Part]) -> None:
    for part in parts:
        if part.size > MAX_JSON:
            size = f"{part.size:,} bytes; the limit for JSON is {MAX_JSON:,}"
            raise Permanent(f"{part.name} of item {part.item} has {size}.")


def _checked(content: bytes) -> bytes:
    """Return what is kept of a reduction. Raises AssembleError if it is too much for memory."""
    if len(content) > MAX_REDUCED:
        raise concatenate.AssembleError(
            f"what `reduce` makes has more than {MAX_REDUCED >> 20} MiB: use a program, or "
            "`concatenate` with `format: jsonl`"
        )
    return content


def _reduced(reducing: Reducing) -> bytes:
    result = reducing.result()
    return json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _json(part: concatenate.Part) -> Json:
    try:
        return parse(b"".join(part.chunks))
    except ValueError as error:
        raise concatenate.AssembleError(f"{part.label}: it is not JSON: {error}") from error


class _Each(Collection[AssembledFile]):
    """The outputs of items, each as a file; there may be a million of them."""

    def __init__(self, parts: Outputs) -> None:
        self._parts, self._names = parts, Names(parts)

    def __len__(self) -> int:
        return len(self._parts)

    def __iter__(self) -> Iterator[AssembledFile]:
        return map(self._file, self._parts)

    def __contains__(self, file: object) -> bool:
        return any(file == mine for mine in self)

    def _file(self, part: Part) -> AssembledFile:
        return AssembledFile(
            name=self._names.of(part),
            source=part.ref.name,
            offset=part.offset,
            size=part.size,
            digest=Digest(value=part.sha256) if part.sha256 else None,
        )


def _none(assembly: Assembly) -> Files:
    return _Each(assembly.parts)


def _program(assembly: Assembly) -> Files | OnNode:
    program = assembly.definition.assemble.program
    if program is None:
        return []
    engine, run = assembly.engine, assembly.run
    files = _files_of(assembly)
    stage = stages.Stage(naming.ASSEMBLE, program, inputs.shared(engine, run), files)
    outputs = stages.carry_out(engine, run, stage)
    if isinstance(outputs, OnNode):
        return outputs
    return [
        AssembledFile(
            name=name,
            source=output.ref.name,
            size=output.claim.size,
            digest=Digest(value=output.claim.sha256),
        )
        for name, output in sorted(outputs.items())
    ]


_ASSEMBLERS: dict[str, Callable[[Assembly], Files | OnNode]] = {
    "concatenate": _concatenate,
    "zip": _zip,
    "reduce": _reduce,
    "program": _program,
    "none": _none,
}


def _files_of(assembly: Assembly) -> tuple[PlannedInput, ...]:
    """Prepare the files of an assembler program: the parts, and `parts.json`, which lists them."""
    engine = assembly.engine
    check_count(len(assembly.parts), _FEWER)
    files, listed = [], []
    for number, part in enumerate(assembly.parts):
        file = local_name(f"{number:06d}", part.name, "parts")
        url = engine.ports.blobs.url(part.ref)
        files.append(
            PlannedInput(file=file, name=part.name, url=url, size=part.size, offset=part.offset)
        )
        listed.append(
            {
                "item": part.item,
                "name": part.name,
                "file": file,
                "size": part.size,
                "sha256": part.sha256,
            }
        )
    ref, name = assembly.run.names.parts, naming.PARTS_FILE
    content = json.dumps(listed).encode()
    engine.ports.writer.write(ref, content, content_type="application/json")
    url = engine.ports.blobs.url(ref)
    listing = PlannedInput(file=name, name=name, url=url, size=len(content))
    return (listing, *files)


def _upload(assembly: Assembly, name: str, chunks: Iterable[bytes], kind: str) -> AssembledFile:
    return _made(name, assembly.engine.ports.writer.upload(assembly.ref(name), chunks, kind), kind)


def _made(name: str, facts: BlobFacts, kind: str) -> AssembledFile:
    return AssembledFile(
        name=name,
        container=facts.ref.container,
        source=facts.ref.name,
        size=facts.size,
        content_type=kind,
    )
