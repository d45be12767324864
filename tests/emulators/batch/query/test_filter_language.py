"""Filters: which expressions hold for a task, and which are refused."""

import pytest

from emulators.batch.errors import BatchError
from emulators.batch.query.filter import compile_filter
from emulators.batch.query.properties import TASKS

TASK = {
    "id": "task-7",
    "state": "completed",
    "creationTime": "2030-01-01T00:00:00.000000Z",
    "executionInfo": {"exitCode": 3, "result": "failure"},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("state eq 'completed'", True),
        ("state eq 'Completed' and executionInfo/result eq 'failure'", True),
        ("state ne 'completed' or id eq 'task-7'", True),
        ("(state ne 'completed' or id eq 'x') and id ge 'a'", False),
        ("startswith(id, 'task-')", True),
        ("executionInfo/exitCode gt 2", True),
        ("executionInfo/exitCode le 2", False),
        ("executionInfo/endTime gt DateTime'2020-01-01T00:00:00Z'", False),
        ("creationTime lt datetime'2030-01-01T00:00:01Z'", True),
        ("creationTime gt 2029-12-31T23:00:00-02:00", False),
        ("creationTime ge 2030-01-01", True),
        ("not startswith(id,'x') and not(state eq 'active')", True),
        ("executionInfo/result ne null and executionInfo/endTime eq null", True),
        ("id eq 'it''s' or id eq 'task-7'", True),
        ("id ne 'DateTime''2020'''", True),
        ("STATE EQ 'COMPLETED'", True),
        ("executionInfo/exitCode eq -1", False),
        (" or ".join(["id eq 'x'"] * 300) + " or id eq 'task-7'", True),
    ],
)
def test_filters_hold_or_not(text: str, expected: bool) -> None:
    assert compile_filter(text, TASKS)(TASK) is expected


@pytest.mark.parametrize(
    "text",
    [
        *("", "state", "state eq", "x eq 1", "state eq 'a' and", "startswith(id)", "(id eq 'a'"),
        *("state gt 'active'", "startswith(state,'a')", "endswith(id,'a')", "id in ('a','b')"),
        *("creationTime gt 'yesterday'", "creationTime gt DateTime'never'", "id eq 1"),
        *("executionInfo/exitCode eq '1'", "id eq id", "1 eq 1", "id eq 1 add 2"),
        *("id/any(x:x eq 1)", "creationTime gt 2024-13-45", "$", "\x00"),
        *("not " * 200 + "id eq 'a'", "id eq '" + "x" * 9000 + "'"),
    ],
)
def test_bad_filters_are_refused(text: str) -> None:
    with pytest.raises(BatchError) as error:
        compile_filter(text, TASKS)
    assert error.value.code == "InvalidQueryParameterValue"
