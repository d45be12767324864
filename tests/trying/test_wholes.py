"""`fanfare try --all`, and splits that are programs: the engine's own handlers to a verdict."""

SPLIT = """
import json, pathlib, sys
_, given, output = sys.argv
words = pathlib.Path(given).read_text().split()
if "bad" in words:
    raise SystemExit("a bad word")
items = [{"parameters": {"word": word}} for word in words]
(pathlib.Path(output) / "items.json").write_text(json.dumps(items))
"""
WORK = """
import pathlib, sys
_, word, output = sys.argv
if word == "ugly":
    raise ValueError("an ugly word")
(pathlib.Path(output) / "word.txt").write_text(word[::-1])
"""
JOIN = """
import json, pathlib, sys
_, parts, output = sys.argv
listed = json.loads(pathlib.Path(parts).read_text())
paths = [pathlib.Path(parts).parent / part["file"] for part in listed]
(pathlib.Path(output) / "joined.txt").write_text("-".join(path.read_text() for path in paths))
"""
WORDS = """
trigger: {blob: {container: input, prefix: words/}}
split: {program: {program: PROGRAM, arguments: ["{input}", "{output}"], parameters: [word]}}
task: {program: work.py, arguments: ["{word}", "{output}"]}
pool: cpu
assemble: {program: {program: join.py, arguments: ["{parts}", "{output}"]}}
"""


EACH = """
trigger: {http: true}
split: {blobs: {container: input, prefix: people/}}
task: {program: PROGRAM, arguments: ["{input}", "{output}"]}
pool: cpu
assemble: {none: {}}
"""
LISTED = EACH.replace(
    "{blobs: {container: input, prefix: people/}}", "{manifest: {container: input}}"
)
COPY = """
import pathlib, sys
_, given, output = sys.argv
(pathlib.Path(output) / "copy.txt").write_text(pathlib.Path(given).read_text())
"""


def words(project):
    project.pipeline("words", WORDS, cut_py=SPLIT, work_py=WORK, join_py=JOIN)


def test_all_items_run_and_are_assembled(project):
    told = project.json("try", "shout", project.file(), "--all")
    assert told["state"] == "succeeded"
    assert told["succeeded"] == 3
    assert [(file["name"], file["text"]) for file in told["outputs"]] == [
        ("all.txt", "ONE\nTWO\nTHREE")
    ]


def test_a_split_program_runs_before_the_item(project):
    words(project)
    told = project.json("try", "words", project.file("abc def"), "--item", 1)
    assert told["items"] == 2
    assert [file["text"] for file in told["outputs"]] == ["fed"]


def test_programs_split_and_assemble_a_whole_run(project):
    words(project)
    told = project.json("try", "words", project.file("abc def"), "--all")
    assert [(file["name"], file["text"]) for file in told["outputs"]] == [("joined.txt", "cba-fed")]


def test_a_split_program_that_fails_is_told_once(project):
    words(project)
    code, said = project.refusal("try", "words", project.file("bad"))
    assert code == 1
    assert said.startswith("plan-failed: The split program cut.py failed: ")
    assert said.count("a bad word") == 1


def test_an_item_that_fails_fails_the_whole_with_its_cause(project):
    words(project)
    shown = project("try", "words", project.file("abc ugly"), "--all")
    assert shown.exit_code == 1
    assert "✘ failed  1 item succeeded, 1 failed" in shown.stdout
    assert shown.stdout.count("Traceback") == 1


def test_a_folder_stands_for_the_blobs_that_the_split_finds(project):
    project.pipeline("each", EACH, copy_py=COPY)
    for name in "ab":
        project.write(f"inputs/people/{name}.txt", name)
    folder = project.root / "inputs/people"
    assert "▸ 0  people/a.txt" in project("try", "each", "--with", folder).stdout
    told = project.json("try", "each", "--with", folder, "--item", 1)
    assert told["items"] == 2
    assert [file["text"] for file in told["outputs"]] == ["b"]


def test_a_folder_stands_for_the_blobs_that_a_case_lists(project):
    project.pipeline("listed", LISTED, copy_py=COPY)
    project.write("pipelines/tests/people/a.txt", "a")
    case = """
cases:
  one:
    input: {name: list.json, text: '[{"blob": "people/a.txt"}]'}
    with: people
    item: 0
    outputs: {copy.txt: {text: a}}
"""
    project.write("pipelines/tests/listed.yaml", case)
    tested = project("test")
    assert tested.exit_code == 0, tested.output
    project.write("pipelines/tests/listed.yaml", case.replace("with: people", "with: nobody"))
    assert "cases.one.with: there is no folder pipelines/tests/nobody" in project.refusal("test")[1]
