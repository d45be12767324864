"""Merges the reports of all shards, and writes them for machines and for people.

`junit.xml` has each test once, `summary.json` the counts, `report.html` what failed and why, and
`durations.json` the seconds of each file, by which the next run can balance its shards.
"""

import argparse
import html
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or __package__:
    from task_scripts.test_suite import junit, sources
else:  # on a node the files are in one folder
    import junit
    import sources

_MOST_TEXT = 20_000
_STYLE = """body{font:14px sans-serif;margin:2em;max-width:60em}table{border-collapse:collapse}
td,th{padding:2px 12px 2px 0;text-align:left;vertical-align:top}pre{background:#f4f4f4;padding:8px;
overflow:auto}.passed{color:#2d7d46}.failed,.error{color:#b3261e}.skipped{color:#8a6d00}"""


def summary(cases: Sequence[junit.Case], shards: int) -> dict[str, object]:
    """Return the counts of all outcomes."""
    counts = {name: sum(case.outcome == name for case in cases) for name in junit.OUTCOMES}
    seconds = round(sum(case.seconds for case in cases), 3)
    bad = counts["failed"] + counts["error"]
    return {"ok": not bad, "tests": len(cases), **counts, "seconds": seconds, "shards": shards}


def durations(cases: Sequence[junit.Case]) -> dict[str, float]:
    """Return the seconds of the tests of each file."""
    sums: dict[str, float] = {}
    for case in cases:
        if case.file:
            sums[case.file] = sums.get(case.file, 0.0) + case.seconds
    return {file: round(sums[file], 3) for file in sorted(sums)}


def page(cases: Sequence[junit.Case], counts: Mapping[str, object]) -> str:
    """Return the report as a page; whatever tests printed is escaped."""
    head = ", ".join(f"{counts[name]} {name}" for name in junit.OUTCOMES)
    body = "\n".join((*_failures(cases), "<h2>All tests</h2>\n<table>", *_rows(cases), "</table>"))
    return (
        f'<!DOCTYPE html>\n<html lang="en"><meta charset="utf-8"><title>{head}</title>\n'
        f"<style>{_STYLE}</style>\n<h1>{counts['tests']} tests: {head}</h1>\n"
        f"<p>{counts['seconds']} s of tests in {counts['shards']} shards.</p>\n{body}\n</html>\n"
    )


def _failures(cases: Sequence[junit.Case]) -> Iterator[str]:
    for case in cases:
        if case.outcome in {"failed", "error"}:
            yield f'<h3 class="{case.outcome}">{_shown(case)}: {case.outcome}</h3>'
            yield f"<pre>{html.escape((case.text or case.message)[:_MOST_TEXT])}</pre>"


def _rows(cases: Sequence[junit.Case]) -> Iterator[str]:
    yield "<tr><th>outcome<th>test<th>seconds<th>"
    for case in cases:
        note = html.escape(case.message[:200]) if case.outcome == "skipped" else ""
        yield (
            f'<tr><td class="{case.outcome}">{case.outcome}<td>{_shown(case)}'
            f"<td>{case.seconds:.3f}<td>{note}"
        )


def _shown(case: junit.Case) -> str:
    return html.escape(f"{case.classname}.{case.name}" if case.classname else case.name)


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Write the merged reports. Tests that failed do not make this program fail."""
    del environ
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--parts", type=Path, required=True, help="parts.json")
    parser.add_argument("--output", type=Path, required=True, help="an empty folder")
    asked = parser.parse_args(argv)
    entries = json.loads(asked.parts.read_bytes())
    try:
        reports = [junit.read(asked.parts.absolute().parent / one["file"]) for one in entries]
    except sources.Unusable as error:
        sys.stderr.write(f"There is no report: {error}.\n")
        return 1
    cases = junit.merged(reports)
    counts = summary(cases, len(reports))
    (asked.output / "junit.xml").write_bytes(junit.written(cases))
    (asked.output / "report.html").write_text(page(cases, counts), encoding="utf-8")
    for name, content in (("summary.json", counts), ("durations.json", durations(cases))):
        (asked.output / name).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
