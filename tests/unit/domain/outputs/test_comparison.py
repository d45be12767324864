"""What differs between two runs, as a pure function."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.domain.outputs.comparison import About, Side, compare, equal, must_read
from pipeline.domain.runs.causes import Cause
from pipeline.domain.runs.lifecycle import State
from pipeline.domain.runs.manifest import Digest, OutputFile
from pipeline.domain.runs.run import Input, Origin, OriginKind, Run, RunImage

AT = datetime(2026, 1, 1, tzinfo=UTC)
DEFINITION = {"task": {"program": "a.py", "arguments": ["{line}"]}, "pool": "cpu"}
SOURCE = Input(container="input", name="a.txt", etag="1", size=5, url="u", snapshot="s")
RUN = Run(
    id="job-1", pipeline="job", state=State.SUCCEEDED, origin=Origin(kind=OriginKind.REQUEST,
    key=("k",), at=AT), definition=json.dumps(DEFINITION), pool="cpu", created_at=AT, changed_at=AT,
    ended_at=AT + timedelta(seconds=4), input=SOURCE, parameters={"seed": 1},
    scripts={"a.py": "1234/a.py", "environments/x.txt": "5678/x.txt"}, succeeded=3,
    images={"img": RunImage(reference="img@1", digest="sha256:1")},
)  # fmt: skip


def file(name, digest="aa", size=1):
    return OutputFile(name=name, url="u", size=size, etag="e", digest=Digest(value=digest))


def found(after: Side, before: Side | None = None):
    return [
        (d.about, d.name, d.before, d.after, d.counts) for d in compare(before or Side(RUN), after)
    ]


def with_input(**change) -> Side:
    return Side(RUN.model_copy(update={"input": SOURCE.model_copy(update=change)}))


def test_a_run_is_equal_to_itself():
    assert compare(Side(RUN), Side(RUN)) == [] and equal([])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"parameters": {"seed": 2}}, (About.PARAMETER, "seed", "1", "2", True)),
        ({"parameters": {}}, (About.PARAMETER, "seed", "1", None, True)),
        (
            {"definition": json.dumps(DEFINITION | {"pool": "gpu"})},
            (About.DEFINITION, "pool", "cpu", "gpu", True),
        ),
        (
            {"definition": json.dumps(DEFINITION | {"task": {"program": "a.py"}})},
            (About.DEFINITION, "task.arguments", '["{line}"]', None, True),
        ),
        (
            {"scripts": RUN.scripts | {"a.py": "9999/a.py"}},
            (About.PROGRAM, "a.py", "1234", "9999", True),
        ),
        (
            {"scripts": {"a.py": "1234/a.py"}},
            (About.ENVIRONMENT, "environments/x.txt", "5678", None, True),
        ),
        ({"images": {}}, (About.IMAGE, "img", "sha256:1", None, True)),
        ({"pipeline": "other"}, (About.PIPELINE, "name", "job", "other", True)),
        ({"succeeded": 2}, (About.COUNT, "succeeded", "3", "2", True)),
        ({"cause": Cause.CANCELLED}, (About.STATE, "cause", None, "cancelled", True)),
        ({"node_seconds": 7.0}, (About.SECONDS, "node-seconds", "0.0", "7.0", False)),
        ({"ended_at": AT + timedelta(seconds=9)}, (About.SECONDS, "took", "4.0", "9.0", False)),
    ],
)
def test_each_fact_is_told_alone_and_counts_if_it_is_one_of_the_work(change, expected):
    assert found(Side(RUN.model_copy(update=change))) == [expected]


def test_files_are_added_removed_and_changed_by_their_digest():
    before = Side(RUN, {"kept": file("kept"), "gone": file("gone"), "new": file("new")})
    after = Side(RUN, {"kept": file("kept"), "new": file("new", "bb", 2), "more": file("more")})
    changes = {one.name: one.change for one in compare(before, after)}
    assert changes == {"gone": "removed", "new": "changed", "more": "added"}


def test_another_etag_of_the_same_content_is_only_told():
    told = (About.INPUT, "etag", "1", "2", False)
    md5 = with_input(md5="m")
    assert found(with_input(md5="m", etag="2"), md5) == [told]
    read = Side(RUN, input_sha256="s")
    assert found(Side(with_input(etag="2").run, input_sha256="s"), read) == [told]


def test_another_etag_counts_while_nobody_knows_the_content():
    assert found(with_input(etag="2")) == [(About.INPUT, "etag", "1", "2", True)]
    one_sided = found(with_input(etag="2", md5="m"))
    assert (About.INPUT, "etag", "1", "2", True) in one_sided
    assert (About.INPUT, "md5", None, "m", False) in one_sided


def test_other_content_counts():
    assert (About.INPUT, "md5", "m", "n", True) in found(
        with_input(md5="n", etag="2"), with_input(md5="m")
    )


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        ({"etag": "2"}, True),
        ({"etag": "2", "snapshot": None, "copied": "engine/x"}, True),
        ({"etag": "2", "snapshot": None}, False),
        ({"etag": "2", "size": 6}, False),
        ({}, False),
    ],
)
def test_bytes_are_read_only_if_nothing_else_tells(change, wanted):
    assert must_read(RUN, with_input(**change).run) is wanted
    assert not must_read(RUN, RUN.model_copy(update={"input": None}))


def test_a_definition_of_another_format_is_compared_as_a_text():
    other = Side(RUN.model_copy(update={"definition": "later: format"}))
    assert (About.DEFINITION, "text", None, "later: format", True) in found(other)
