import io
import zipfile

import pytest

from pipeline.domain.outputs.archive import Member, Zip, check_members, zipped
from pipeline.domain.outputs.concatenate import AssembleError


def test_members_have_their_bytes_and_the_archive_is_always_the_same():
    members = [("a.txt", [b"x", b"y"]), ("b/c.txt", [])]
    made = b"".join(zipped(members))
    assert made == b"".join(zipped(members))
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "a.txt": b"xy",
            "b/c.txt": b"",
        }


@pytest.mark.parametrize("at", range(5))
def test_an_archive_goes_on_after_the_members_that_are_written(at):
    members = [("a.txt", [b"x" * 5000, b"y"]), ("ü/c.txt", []), ("d", [b"z"]), ("日本", [b"x"])]
    first = Zip()
    made = b"".join(chunk for member in members[:at] for chunk in first.add(*member))
    kept = [Member.model_validate_json(member.model_dump_json()) for member in first.members]
    then = Zip(kept)
    made += b"".join(chunk for member in members[at:] for chunk in then.add(*member)) + then.end()
    assert made == b"".join(zipped(members))
    assert [member.name for member in then.members] == [name for name, _ in members[at:]]


@pytest.mark.parametrize(
    "names",
    [
        ["a", "b/a", "b/c/a", "ab"],
        ["console.txt", "com10.txt", "a.con"],
        ["ä.txt", "a.txt", "日本.txt", ".hidden", "with space.txt"],
        [f"{number:06d}/part.json" for number in range(1000)],
    ],
)
def test_names_that_every_tool_unpacks_are_accepted(names):
    check_members(names)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["a", "a/b.txt"], "'a' is that of a file, and that of a folder for 'a/b.txt'"),
        (["x/a/b.txt", "x/A"], "'x/A' is that of a file"),
        (["a.txt", "A.TXT"], "'a.txt' and 'A.TXT' are one name"),
        (["stra\u00dfe", "STRASSE"], "are one name"),
        (["\u00e4.txt", "a\u0308.txt"], "are one name"),
        (["NUL"], "'NUL' is reserved"),
        (["logs/com1.txt"], "'com1.txt' is reserved"),
        (["a."], "cannot be unpacked on Windows"),
        (["a /b"], "cannot be unpacked on Windows"),
        (["a:b"], "cannot be unpacked on Windows"),
        (["a\\b"], "cannot be unpacked on Windows"),
        (["../a"], "a part '..'"),
        (["/a"], "a part ''"),
        (["a//b"], "a part ''"),
        (["ü" * 40_000], "longer than 65,535 bytes"),
    ],
)
def test_names_that_no_tool_unpacks_together_are_refused(names, said):
    with pytest.raises(AssembleError, match=said):
        check_members(names)
