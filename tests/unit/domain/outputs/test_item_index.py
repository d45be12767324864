"""Eight bytes an item say how it stands; a chunk reads back as it was written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.domain.outputs.item_index import (
    CHUNK,
    IndexChunk,
    IndexUnreadable,
    ItemState,
)
from pipeline.domain.runs.causes import Cause

STATES = st.builds(
    ItemState,
    item=st.integers(CHUNK, CHUNK + 20),
    state=st.sampled_from(["succeeded", "failed"]),
    tries=st.integers(0, 255),
    seconds=st.floats(0, 1e6, width=32).map(lambda s: round(s, 3)),
    node=st.sampled_from(["", "node-1", "node-2"]),
)


@given(put=st.lists(STATES, max_size=30))
def test_what_was_put_is_read_back(put):
    chunk, model = IndexChunk(1), dict[int, ItemState]()
    for state in put:
        chunk.put(state)
        if model.get(state.item, state).state == "failed" or state.item not in model:
            model[state.item] = state
    read = {s.item: s for s in IndexChunk.parse(1, chunk.encode()).states() if s.state != "open"}
    assert {item: (s.state, s.tries, s.node) for item, s in read.items()} == {
        item: (s.state, s.tries, s.node) for item, s in model.items()
    }
    for item, state in read.items():
        assert state.seconds == pytest.approx(model[item].seconds, rel=1e-6, abs=1e-3)


@pytest.mark.parametrize("cause", [None, Cause.TIMED_OUT, Cause.UNKNOWN])
def test_a_failure_keeps_its_cause(cause):
    chunk = IndexChunk(0)
    chunk.put(ItemState(3, "failed", cause))
    assert [s.cause for s in IndexChunk.parse(0, chunk.encode()).states()][3] is cause


def test_an_item_takes_eight_bytes():
    chunk = IndexChunk(0)
    for item in range(1000):
        chunk.put(ItemState(item, "succeeded", None, 1, 2.5, "node"))
    assert len(chunk.encode()) < 1000 * 8 + 100


def test_numbers_that_no_record_can_hold_are_cut():
    chunk = IndexChunk(0)
    chunk.put(ItemState(0, "failed", Cause.TIMED_OUT, 10**6, 1e300, "n"))
    (state,) = chunk.states()
    assert (state.tries, state.seconds) == (255, 1e9)


def test_more_nodes_than_a_chunk_can_name_have_no_name():
    chunk = IndexChunk(0)
    for item in range(CHUNK):
        chunk.put(ItemState(item, "succeeded", node=f"node-{item}"))
    named = [state.node for state in IndexChunk.parse(0, chunk.encode()).states()]
    assert named[:2] == ["node-0", "node-1"] and named[-1] == ""


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", b"[]\n", b'{"version": 2, "causes": [], "nodes": []}\n', b"not json\n12345678"],
)
def test_what_the_engine_did_not_write_is_refused(content):
    with pytest.raises(IndexUnreadable):
        IndexChunk.parse(0, content)


def test_a_chunk_that_was_cut_off_is_refused():
    chunk = IndexChunk(0)
    chunk.put(ItemState(5, "succeeded"))
    with pytest.raises(IndexUnreadable):
        IndexChunk.parse(0, chunk.encode()[:-1])
