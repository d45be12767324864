"""Parts that lie in chunks are those that were put in, and the last generation counts."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.outputs.item_ends import ItemEnds
from pipeline.domain.outputs.kept_parts import KeptParts, encoded
from pipeline.domain.outputs.parts import Part, Parts
from pipeline.domain.runs.naming import BlobRef
from pipeline.domain.runs.results import ItemOutcome, ItemOutput, ItemResult

ITEMS = st.dictionaries(st.integers(0, 9), st.integers(0, 3), max_size=8)


def parts_of(generation: int, item: int, number: int) -> list[Part]:
    ref = BlobRef("work", f"g{generation}/ü-{item}")
    return [
        Part(item, f"{n}.txt", ref, n, "ab" * 32 if n else "", n * 10 if n else None)
        for n in range(number)
    ]


def succeeded(item: int, parts: list[Part]) -> ItemResult:
    outputs = tuple(ItemOutput(name=p.name, blob=p.name, size=p.size) for p in parts)
    return ItemResult(id=item, outcome=ItemOutcome.SUCCEEDED, outputs=outputs)


@given(generations=st.lists(ITEMS, max_size=3), per_chunk=st.integers(1, 4))
def test_chunks_of_generations_have_the_parts_of_the_last_one(generations, per_chunk):
    whole, ends, blobs, chunks = Parts(), ItemEnds(), {}, []
    for generation, items in enumerate(generations, 1):
        pending = Parts()
        for item in sorted(items):
            found = parts_of(generation, item, items[item])
            whole.put(item, found)
            pending.put(item, found)
            ends.add(succeeded(item, found))
            if pending and (len(pending) >= per_chunk or item == max(items)):
                chunk, content = encoded(generation, pending)
                chunks.append(chunk)
                blobs[chunk.sha256] = content
                pending = Parts()
    kept = KeptParts(chunks, lambda chunk: blobs[chunk.sha256], ends)
    assert list(kept) == list(whole)
    assert len(kept) == len(whole)
    assert (kept.count, kept.most_bytes) == (whole.count, whole.most_bytes)
    for item in range(10):
        assert list(kept.since(item)) == list(whole.since(item))


def test_chunks_before_an_item_are_not_read():
    first, _ = encoded(1, Parts(parts_of(1, 0, 3)))
    second, content = encoded(1, Parts(parts_of(1, 5, 3)))
    read = []
    kept = KeptParts([second, first], lambda chunk: read.append(chunk) or content, ItemEnds())
    assert [part.item for part in kept.since(4)] == [5, 5, 5]
    assert read == [second]
