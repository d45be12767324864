import contextlib
import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.domain.definitions import types
from pipeline.domain.definitions.parameters import InvalidParameters, Parameter, resolve
from pipeline.domain.definitions.pipeline import Pipeline, Tolerance
from pipeline.domain.definitions.retry import Retries
from pipeline.domain.definitions.splits import COUNTS, BlobsSplit, RangeSplit, Split
from pipeline.domain.definitions.trigger import BlobTrigger
from pipeline.domain.plans.split import PlanError
from pipeline.domain.runs.causes import Cause
from tests.unit.domain.quick import quick

CRF = Parameter(type="integer", default=23, minimum=0, maximum=51)
PRESET = Parameter(type="string", default="fast", choices=("fast", "slow"))
FLAG = Parameter(type="boolean", default=False)
RATE = Parameter(type="number")
ALL = {"crf": CRF, "preset": PRESET, "flag": FLAG, "rate": RATE}


def test_defaults_hold_and_text_from_metadata_is_read_by_type():
    assert resolve(ALL, {"crf": " 7", "rate": "0.5", "flag": "TRUE"}) == {
        "crf": 7,
        "preset": "fast",
        "flag": True,
        "rate": 0.5,
    }


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"rate": 1, "cfr": 1}, "cfr: no such parameter; did you mean 'crf'?"),
        ({}, "rate: a value is required"),
        ({"rate": 1, "crf": "52"}, "crf: 52 is above the maximum 51"),
        ({"rate": 1, "crf": -1}, "crf: -1 is below the minimum 0"),
        ({"rate": 1, "crf": 1.5}, "crf: 1.5 is not a whole number"),
        ({"rate": 1, "crf": True}, "crf: True is not a whole number"),
        ({"rate": 1, "crf": "9" * 30}, "is not a whole number"),
        ({"rate": 1, "crf": "٣"}, "is not a whole number"),
        ({"rate": "nan"}, "rate: 'nan' is not a number"),
        ({"rate": [1]}, "rate: [1] is not a number"),
        ({"rate": 1, "preset": "slwo"}, "'slwo' is not one of fast, slow; did you mean 'slow'?"),
        ({"rate": 1, "preset": "a\0b"}, "is not text"),
        ({"rate": 1, "flag": "yes"}, "flag: 'yes' is not true or false"),
    ],
)
def test_a_wrong_parameter_is_named_with_its_reason(given, said):
    with pytest.raises(InvalidParameters) as caught:
        resolve(ALL, given)
    assert said in str(caught.value)


def test_all_faults_are_named_at_once():
    with pytest.raises(InvalidParameters, match=r"cfr: .*; .*crf: .*; rate: "):
        resolve(ALL, {"cfr": 1, "crf": 99})


@quick
@given(st.dictionaries(st.text(max_size=5), st.none() | st.text() | st.floats() | st.booleans()))
def test_hostile_parameters_are_accepted_or_refused(given):
    with contextlib.suppress(InvalidParameters):
        assert set(resolve(ALL, given)) == set(ALL)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"type": "string", "minimum": 1}, "need a number"),
        ({"type": "number", "minimum": 2, "maximum": 1}, "above maximum"),
        ({"type": "integer", "choices": ["a"]}, "choice 'a' is not a whole number"),
        ({"type": "string", "default": "c", "choices": ["a"]}, "the default 'c' is not one of a"),
    ],
)
def test_a_parameter_that_contradicts_itself_is_refused(wrong, said):
    with pytest.raises(ValidationError, match=said):
        Parameter(**wrong)


@pytest.mark.parametrize(
    ("tolerated", "failed", "total", "allowed"),
    [
        (0, 0, 10, True),
        (0, 1, 10, False),
        (2, 2, 10, True),
        ("5%", 5, 100, True),
        ("5%", 6, 100, False),
        ("0.1%", 1, 1000, True),
        ("33.3333%", 1, 3, False),
    ],
)
def test_tolerance_is_a_number_or_a_share(tolerated, failed, total, allowed):
    assert Tolerance(failed_items=tolerated).allows(failed, total) is allowed


def test_retries_are_told_apart_by_cause():
    retries = Retries.model_validate({"node-lost": 7})
    found = {cause: retries.extra(cause) for cause in Cause}
    assert {cause.value: extra for cause, extra in found.items() if extra} == {
        "node-lost": 7,
        "download-failed": 2,
        "upload-failed": 1,
        "output-lost": 1,
        "receipt-invalid": 1,
        "preparation-failed": 2,
        "gpu-missing": 1,
    }


def test_a_blob_matches_by_container_prefix_and_suffix():
    trigger = BlobTrigger(container="input", prefix="a/", suffix=(".mp4", ".mov"))
    assert trigger.matches("input", "a/x.MP4")
    assert not trigger.matches("input", "b/x.mp4")
    assert not trigger.matches("input", "a/x.txt")
    assert not trigger.matches("inputs", "a/x.mp4")


def test_numbers_of_a_split_may_be_parameters():
    split = RangeSplit(stop="{paths}", step=10)
    assert split.resolved({"paths": 100}) == (0, 100, 10)
    with pytest.raises(PlanError, match="must be a whole number"):
        split.resolved({"paths": "many"})


def test_a_prefix_may_hold_a_parameter():
    split = BlobsSplit(container="input", prefix="{year}/")
    assert split.resolved_prefix({"year": 2026}) == "2026/"


@pytest.mark.parametrize(
    ("split", "names"),
    [
        ({"range": {"stop": 1, "step": 1}}, ("start", "end", "index")),
        (
            {"frames": {"step": 1}},
            ("start", "end", "index", "start_time", "end_time", "seek_time"),
        ),
        ({"lines": {}}, ("line", "lines_file")),
        ({"lines": {"lines_per_item": 5}}, ("lines", "lines_file")),
        ({"lines": {"lines_per_item": "{n}"}}, ("lines", "lines_file")),
        ({"csv": {}}, ("start", "end", "index", "rows_file")),
        ({"bytes": {"bytes_per_item": 1}}, ("start", "end", "index", "bytes_file")),
        ({"manifest": {"parameters": ["x"]}}, ("x",)),
        ({"grid": {"a": [1], "b": ["x"]}}, ("a", "b")),
        ({"blobs": {}}, ()),
        ({"program": {"program": "s.py", "parameters": ["key"]}}, ("key",)),
    ],
)
def test_a_split_knows_the_parameters_of_its_items(split, names):
    assert Split.model_validate({**split}, strict=False).item_parameters == names


MINIMAL = {
    "name": "a", "trigger": {"http": True}, "split": {"blobs": {}}, "pool": "cpu",
    "task": {"program": "x.py"}, "assemble": {"none": {}},
}  # fmt: skip


def test_a_stored_definition_says_what_differs_from_the_defaults():
    stored = Pipeline.from_json(json.dumps(MINIMAL)).to_json()
    assert json.loads(stored) == MINIMAL


def test_a_stored_definition_that_says_its_defaults_is_read():
    """Release 0.1 stored defaults, too."""
    sparse = Pipeline.from_json(json.dumps(MINIMAL))
    assert Pipeline.from_json(sparse.model_dump_json(by_alias=True)) == sparse


@pytest.mark.parametrize("number", [0, 2, True, "1"])
def test_a_definition_of_another_format_is_refused(number):
    with pytest.raises(ValidationError):
        Pipeline.from_json(json.dumps({**MINIMAL, "fanfare": number}))
    assert Pipeline.from_json(json.dumps({**MINIMAL, "fanfare": 1})) is not None


@pytest.mark.parametrize("cause", ["image-missing", "input-missing", "output-unusable"])
def test_causes_that_seldom_pass_are_executed_once_unless_the_definition_says_so(cause):
    assert Retries().extra(Cause(cause)) == 0
    assert Retries.model_validate({cause: 2}).extra(Cause(cause)) == 2


def test_a_lack_of_memory_gets_the_retries_of_a_program_that_failed_unless_it_has_its_own():
    failed = {"program-failed": 3}
    assert Retries.model_validate(failed).extra(Cause.OUT_OF_MEMORY) == 3
    assert Retries.model_validate({**failed, "out-of-memory": 0}).extra(Cause.OUT_OF_MEMORY) == 0


def test_every_count_of_a_split_is_checked_when_its_definition_loads():
    found = {
        kind: {key for key, field in model.model_fields.items() if is_count(field)}
        for kind, field in Split.model_fields.items()
        for model in get_args(field.annotation)
        if hasattr(model, "model_fields")
    }
    assert {kind: keys for kind, keys in found.items() if keys} == {
        kind: set(keys) for kind, keys in COUNTS.items()
    }


def is_count(field):
    return any(getattr(part, "func", None) is types._count for part in field.metadata)


@pytest.mark.parametrize(
    ("bundle", "stored"),
    [
        ({"items": 5}, {"items": 5, "pack": True}),
        ({"items": 5, "pack": False}, {"items": 5, "pack": False}),
        ({"items": 1}, None),
        ({"items": 1, "pack": True}, {"pack": True}),
    ],
)
def test_a_run_keeps_whether_its_outputs_are_packed(bundle, stored):
    """A release that knows no packs must not go on with such a run, and a new key stops it."""
    text = Pipeline.from_json(json.dumps({**MINIMAL, "bundle": bundle})).to_json()
    assert json.loads(text).get("bundle") == stored
