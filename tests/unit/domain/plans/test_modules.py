import pytest

from pipeline.domain.plans.modules import imported

FILES = {
    "work.py": b"import shapes\nfrom colours import red\nimport json\n",
    "shapes.py": b"import lines, work\n",
    "lines.py": b"",
    "colours.py": b"",
    "json.py": b"",
    "other.py": b"",
}


def test_a_program_brings_what_it_imports_directly_or_not():
    assert imported("work.py", FILES) == ["colours.py", "lines.py", "shapes.py"]


def test_a_file_never_replaces_a_module_of_the_library():
    assert "json.py" not in imported("work.py", FILES)


@pytest.mark.parametrize("text", [b"import", b"\xff\xfe", b"x = '\0'", b"(" * 9_000])
def test_a_program_that_is_no_python_imports_nothing(text):
    assert imported("work.py", {**FILES, "work.py": text}) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (b"def f():\n    import lines\n", ["lines.py"]),
        (b"import lines.inner as x\n", ["lines.py"]),
        (b"from . import lines\nfrom .lines import x\n", []),
        (b"import missing\n", []),
    ],
)
def test_an_import_may_have_any_form(text, found):
    assert imported("work.py", {**FILES, "work.py": text}) == found
