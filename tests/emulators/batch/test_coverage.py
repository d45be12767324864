"""COVERAGE.md matches the routes and the tests."""

from emulators.batch import coverage


def test_the_coverage_page_is_up_to_date() -> None:
    written = (coverage.HERE / "COVERAGE.md").read_text()
    assert written == coverage.page(), "run python -m emulators.batch.coverage"
