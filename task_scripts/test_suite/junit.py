"""Reads JUnit reports of shards and merges them: each test counts once."""

import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING or __package__:
    from task_scripts.test_suite.sources import Unusable
else:  # on a node the files are in one folder
    from sources import Unusable

MOST_BYTES = 64 << 20
# From the best to the worst: a test that passes but fails to tear down is an error.
OUTCOMES = ("passed", "skipped", "failed", "error")
_ELEMENTS = {"skipped": "skipped", "failure": "failed", "error": "error"}
_FORBIDDEN = (b"<!DOCTYPE", b"<!ENTITY")


class Case(NamedTuple):
    """A test: its id, its outcome, how long it took, and what it said about a failure."""

    classname: str
    name: str
    outcome: str
    seconds: float
    message: str
    text: str
    file: str

    @property
    def key(self) -> tuple[str, str]:
        """What makes two reports speak of the same test."""
        return (self.classname, self.name)


def read(path: Path) -> list[Case]:
    """Read the tests of a report. Raises Unusable."""
    if path.stat().st_size > MOST_BYTES:
        raise Unusable(f"{path.name} has more than {MOST_BYTES >> 20} MiB")
    content = path.read_bytes()
    if any(mark in content for mark in _FORBIDDEN):
        raise Unusable(f"{path.name} declares entities, which no report needs")
    try:
        root = ET.fromstring(content)  # noqa: S314 - no entities are declared
    except ET.ParseError as error:
        raise Unusable(f"{path.name} is not a JUnit report: {error}") from error
    return [_case(element) for element in root.iter("testcase")]


def _case(element: ET.Element) -> Case:
    told = next((child for child in element if child.tag in _ELEMENTS), None)
    outcome = "passed" if told is None else _ELEMENTS[told.tag]
    message, text = ("", "") if told is None else (told.get("message", ""), told.text or "")
    given = element.get
    names = (given("classname", ""), given("name", ""))
    return Case(*names, outcome, _seconds(given("time", "")), message, text, given("file", ""))


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        return 0.0
    return value if math.isfinite(value) and value >= 0 else 0.0


def merged(reports: Iterable[Iterable[Case]]) -> list[Case]:
    """Merge reports: of two that speak of one test, the worse counts. In the order of the ids."""
    worst: dict[tuple[str, str], Case] = {}
    for case in (case for report in reports for case in report):
        before = worst.setdefault(case.key, case)
        if OUTCOMES.index(case.outcome) > OUTCOMES.index(before.outcome):
            worst[case.key] = case
    return [worst[key] for key in sorted(worst)]


def written(cases: Iterable[Case]) -> bytes:
    """Return a JUnit report of one suite."""
    given = list(cases)
    counts = {outcome: sum(case.outcome == outcome for case in given) for outcome in OUTCOMES}
    suite = ET.Element(
        "testsuite", name="merged", tests=str(len(given)), failures=str(counts["failed"]),
        errors=str(counts["error"]), skipped=str(counts["skipped"]),
        time=f"{sum(case.seconds for case in given):.3f}",
    )  # fmt: skip
    tags = {outcome: tag for tag, outcome in _ELEMENTS.items()}
    for case in given:
        about = {"classname": case.classname, "name": case.name, "time": f"{case.seconds:.3f}"}
        made = ET.SubElement(suite, "testcase", about | ({"file": case.file} if case.file else {}))
        if case.outcome in tags:
            ET.SubElement(made, tags[case.outcome], message=case.message).text = case.text
    root = ET.Element("testsuites")
    root.append(suite)
    content: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return content
