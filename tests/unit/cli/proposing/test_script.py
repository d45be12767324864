"""A script is read, not run: its arguments, what they stand for, and the packages it imports."""

import pytest

from pipeline.cli.proposing.script import Role, python_script, shell_script


def told(text):
    return [(one.option or one.name, str(one.role)) for one in python_script(text).arguments]


IN, OUT, LINE, OTHER = map(str, (Role.INPUT, Role.OUTPUT, Role.LINE, Role.OTHER))


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("import sys\na, b = sys.argv[1:]\nopen(a).read()\nopen(b, 'w')", [("a", IN), ("b", OUT)]),
        ("import sys\n_, a, b = sys.argv\nopen(a)", [("a", IN), ("b", OUT)]),
        ("import sys\nline, output = sys.argv[1:]", [("line", LINE), ("output", OUT)]),
        (
            "import sys\nsrc, dst = sys.argv[1], sys.argv[2]\nimg.save(dst)\nImage.open(src)",
            [("src", IN), ("dst", OUT)],
        ),
        ("import sys\nrun(sys.argv[1], sys.argv[2])", [("1", IN), ("2", OUT)]),
        ("def main(argv):\n  (a, b) = argv\n  Path(b) / 'x.txt'", [("a", IN), ("b", OUT)]),
        (
            "p.add_argument('-o', '--output')\np.add_argument('file')\np.add_argument('--size')",
            [("file", IN), ("--output", OUT)],
        ),
        ("p.add_argument('file', nargs='?')\np.add_argument('out')", [("out", OUT)]),
        (
            "p.add_argument('file')\np.add_argument('out')\np.add_argument('--key', required=True)",
            [("file", IN), ("out", OUT), ("--key", LINE)],
        ),
        ("print(input())", []),
    ],
)
def test_arguments_have_roles_by_use_name_and_place(text, arguments):
    assert told(text) == arguments


@pytest.mark.parametrize(
    ("uses", "folder", "file"),
    [
        ("Path(out, 'a.csv').write_text('')", True, False),
        ("p = Path(out)\n(p / 'a.csv').touch()", True, False),
        ("open(os.path.join(out, 'a.csv'), 'w')", True, False),
        ("open(f'{out}/a.csv', 'w')", True, False),
        ("os.makedirs(out)", True, False),
        ("open(out, mode='w')", False, True),
        ("Path(out).write_bytes(b'')", False, True),
        ("p = Path(out)\np.open('w')", False, True),
        ("frame.to_csv(out)", False, True),
        ("cv2.imwrite(out, image)", False, True),
        ("shutil.copy(source, out)", False, True),
    ],
)
def test_an_output_is_a_folder_or_a_file_as_the_script_uses_it(uses, folder, file):
    script = python_script(f"import sys\nsource, out = sys.argv[1:]\n{uses}\n")
    use = script.of_role(Role.OUTPUT).use
    assert (use.is_folder, use.writes_file) == (folder, file)


def test_packages_are_those_that_python_and_the_folder_do_not_have():
    text = "import os, PIL.Image\nimport cv2\nfrom sklearn import svm\nimport mine\nfrom . import x"
    found = python_script(text, {"mine"}).packages
    assert found == ("opencv-python-headless", "pillow", "scikit-learn")


@pytest.mark.parametrize(
    ("text", "folder"),
    [('#!/bin/sh\nsort "$1" > "$2/sorted.txt"\n', True), ("#!/bin/sh\ncp $1 ${2}\n", False)],
)
def test_a_shell_script_takes_positional_parameters(text, folder):
    script = shell_script(text)
    assert [str(one.role) for one in script.arguments] == [IN, OUT]
    assert script.of_role(Role.OUTPUT).use.is_folder is folder


def test_what_reads_no_arguments_says_so():
    assert "sys.argv" in python_script("print(1)").unclear
    assert "$1" in shell_script("#!/bin/sh\ndate\n").unclear
