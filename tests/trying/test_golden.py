"""`fanfare test`: cases of pipelines, what is compared, and what is written anew."""

import pytest

from pipeline.cli.exits import Exit

SOUND = """
# a comment that stays
cases:
  whole:
    input: {name: a.txt, text: "one\\ntwo\\n"}
    outputs:
      all.txt: EXPECTED
"""
DIGEST = "41e96d7d4de15733e32db152073ac7b906c28d85a6d15af7de79884269c22b82"


def cases(project, expected, text=SOUND):
    return project.write("pipelines/tests/shout.yaml", text.replace("EXPECTED", expected))


@pytest.mark.parametrize(
    "expected",
    [
        '{text: "ONE\\nTWO\\n"}',
        "\n        text: |\n          ONE\n          TWO",
        "{file: expected/all.txt}",
        f"{{sha256: {DIGEST}}}",
        "{check: is_loud.py}",
    ],
)
def test_a_case_passes_if_the_output_is_as_expected(project, expected):
    cases(project, expected)
    project.write("pipelines/tests/expected/all.txt", "ONE\nTWO\n")
    check = "import pathlib, sys\nsys.exit(not pathlib.Path(sys.argv[1]).read_text().isupper())\n"
    project.write("pipelines/tests/is_loud.py", check)
    shown = project("test")
    assert shown.exit_code == 0, shown.output
    assert "✔ shout whole" in shown.stdout
    assert "1 passed in" in shown.stdout


def test_a_case_that_differs_shows_how_and_fails_with_exit_code_1(project):
    cases(project, '{text: "ONE\\nTEN\\n"}')
    shown = project("test", "shout")
    assert shown.exit_code == 1
    lines = [line.strip() for line in shown.stdout.splitlines()]
    assert "all.txt differs" in lines
    assert [line for line in lines if line in ("-TEN", "+TWO")] == ["-TEN", "+TWO"]
    assert lines[-1].startswith("0 passed, 1 failed")


@pytest.mark.parametrize(
    ("expected", "why"),
    [
        ("{text: ''}\n      more.txt: {text: ''}", "more.txt was not written (files: all.txt)"),
        ("{text: '-'}\n    others: false", "all.txt differs"),
        ("{file: none.txt}", "all.txt has no expected file yet: --update writes it"),
        (f"{{sha256: {'0' * 64}}}", "expected 0000"),
        ("{check: refuse.py}", "all.txt is refused by refuse.py (exit code 3)"),
        ("{check: plain}", "cannot be checked: plain is not executable (chmod +x)"),
        ('{text: "ONE\\nTWO"}', "differs only in line ends or the last line feed"),
    ],
)
def test_what_is_wrong_with_an_output_is_named(project, expected, why):
    cases(project, expected)
    project.write("pipelines/tests/refuse.py", "print('too loud')\nraise SystemExit(3)\n")
    project.write("pipelines/tests/plain", "no program")
    assert why in project("test").stdout


def test_a_file_that_nobody_expects_fails_unless_others_are_allowed(project):
    project.write("pipelines/tests/shout.yaml", SOUND.replace("\n      all.txt: EXPECTED", " {}"))
    assert "all.txt is not expected" in project("test").stdout
    more = SOUND.replace("\n      all.txt: EXPECTED", " {}\n    others: true")
    project.write("pipelines/tests/shout.yaml", more)
    assert project("test").exit_code == 0


def test_an_expected_failure_passes_by_its_cause_and_words(project):
    project.pipeline("fails", fails_py="raise ValueError('no such colour')\n")
    case = 'cases:\n  one:\n    input: {name: a.txt, text: "one\\n"}\n    item: 0\n    fails: '

    def write(fails):
        project.write("pipelines/tests/fails.yaml", f"{case}{fails}\n")

    write("{cause: program-failed, says: no such colour}")
    assert project("test").exit_code == 0
    write("{cause: timed-out}")
    assert "it failed with program-failed, not with timed-out" in project("test").stdout
    write("{cause: program-failed, says: no such number}")
    assert "it failed without the words 'no such number'" in project("test").stdout


def test_update_writes_what_came_out_and_nothing_else(project):
    path = cases(project, "\n        text: |\n          LOUD", SOUND + "  # the end\n")
    assert "written anew" in project("test", "--update").stdout
    text = path.read_text()
    assert "        text: |\n          ONE\n          TWO\n" in text
    assert text.replace("ONE\n          TWO", "LOUD") == (
        SOUND.replace("EXPECTED", "\n        text: |\n          LOUD") + "  # the end\n"
    )
    assert project("test").exit_code == 0


@pytest.mark.parametrize(
    "expected", ["{file: new/all.txt}", f"{{sha256: {'0' * 64}}}", "{text: x}"]
)
def test_update_mends_every_kind_of_expectation(project, expected):
    cases(project, expected)
    assert project("test").exit_code == 1
    assert project("test", "--update").exit_code == 0
    assert project("test").exit_code == 0


def test_update_adds_files_that_came_out_and_removes_those_that_did_not(project):
    path = cases(project, "{text: x}", SOUND.replace("all.txt", "old.txt"))
    assert project("test", "--update").exit_code == 0
    assert "old.txt" not in path.read_text()
    assert project("test").exit_code == 0


def test_update_accepts_no_failure(project):
    cases(project, "{check: refuse.py}")
    project.write("pipelines/tests/refuse.py", "raise SystemExit(3)\n")
    assert project("test", "--update").exit_code == 1


def test_the_answer_in_json_has_every_case(project):
    cases(project, "{text: x}")
    told = project.json("test")
    assert (told["passed"], told["failed"]) == (0, 1)
    (case,) = told["cases"]
    assert (case["pipeline"], case["case"], case["passed"]) == ("shout", "whole", False)
    assert case["differences"][0]["file"] == "all.txt"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cases: {}", "shout.yaml:1: cases: must have at least 1 entries"),
        ("cases:\n  one: {otputs: {}}", ":2: cases.one.otputs: unknown key; did you mean"),
        ("cases:\n  one:\n    item: 0", ":2: cases.one: takes exactly one of outputs, fails"),
        (
            "cases:\n  one:\n    fails: {cause: lost}",
            ":3: cases.one.fails.cause: there is no cause",
        ),
        (
            "cases:\n  one:\n    outputs: {}\n    input: {file: ../../x}",
            ":4: cases.one.input.file: '../../x' is no path below pipelines/tests/",
        ),
        (
            "cases:\n  one:\n    outputs: {}\n    input: {file: x.txt}",
            ":4: cases.one.input.file: there is no pipelines/tests/x.txt",
        ),
        ("cases:\n  one:\n    outputs: {}", "cases.one.input: is required but missing"),
        (
            "cases:\n  one:\n    outputs: {}\n    input: {name: a, text: b}\n"
            "    parameters: {x: 1}",
            "cases.one.parameters: ",
        ),
    ],
)
def test_a_wrong_case_is_refused_with_file_and_line(project, text, problem):
    project.write("pipelines/tests/shout.yaml", text)
    code, said = project.refusal("test")
    assert code == Exit.USAGE
    assert said.startswith("pipelines/tests/shout.yaml:")
    assert problem in said


def test_tests_of_no_pipeline_are_refused_with_the_nearest(project):
    project.write("pipelines/tests/shuot.yaml", SOUND)
    code, said = project.refusal("test")
    assert code == Exit.USAGE
    assert "there is no pipelines/shuot.yaml; did you mean 'shout'?" in said


def test_a_project_without_tests_does_not_pass(project):
    assert project.refusal("test")[0] == Exit.FAILED
    assert "There are no tests: write pipelines/tests/NAME.yaml" in project.refusal("test")[1]


def test_a_case_can_be_chosen_by_its_name(project):
    cases(project, '{text: "ONE\\nTWO\\n"}')
    assert project("test", "--case", "whole").exit_code == 0
    assert (
        "There is no case 'hole'; did you mean 'whole'?"
        in project.refusal("test", "--case", "hole")[1]
    )
