"""The evaluation of checkov's report; `make check` runs checkov itself."""

from scripts.policy import SKIPS, problems, templates
from tests.infra.deployment import EVALUATED, declared_kinds


def report(failed=(), *, parsing_errors=0, resources=80):
    return {
        "summary": {"parsing_errors": parsing_errors, "resource_count": resources},
        "results": {
            "failed_checks": [
                {"check_id": i, "resource": what, "check_name": "so", "file_path": "/a.json"}
                for i, what in failed
            ]
        },
    }


def test_a_skipped_policy_is_not_a_problem():
    assert problems(report(SKIPS)) == []


def test_a_policy_that_is_not_met_is_a_problem():
    assert problems(report([*SKIPS, ("CKV_1", "A.b/c.[d('e')]")])) == ["CKV_1 A.b/c: so (/a.json)"]


def test_a_file_that_cannot_be_parsed_is_a_problem_although_checkov_ignores_it():
    assert problems(report(SKIPS, parsing_errors=1)) == ["checkov cannot parse 1 files"]


def test_a_skip_that_is_no_longer_needed_is_a_problem():
    first, *rest = SKIPS
    assert problems(report(rest)) == [f"{first[0]} {first[1]}: remove this skip"]


def test_a_report_about_nothing_is_a_problem():
    assert problems(report(SKIPS, resources=0)) == ["checkov found no resource"]


def test_every_reason_says_something():
    assert all(len(reason) > 20 for reason in SKIPS.values())


def test_every_resource_that_a_deployment_makes_is_shown_to_checkov():
    shown = {name: template["resources"] for name, template in templates()}
    assert shown == {f"{name}.json": made for name, made in EVALUATED.items()}
    assert {each["type"] for each in shown["all.json"]} == declared_kinds()
