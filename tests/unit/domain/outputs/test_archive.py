import io
import tracemalloc
import zipfile
from collections.abc import Iterator

import pytest

from pipeline.domain.outputs.archive import Member, Zip, check_members, ended, zipped
from pipeline.domain.outputs.concatenate import AssembleError

MANY = 120_000  # more than the 65,535 that a list has without fields of 64 bits


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
    kept = [Member.model_validate_json(member.model_dump_json()) for member in first.take()]
    then = Zip(kept[-1].end if kept else 0)
    made += b"".join(chunk for member in members[at:] for chunk in then.add(*member))
    assert made + b"".join(ended([*kept, *then.take()])) == b"".join(zipped(members))


def test_an_archive_has_the_bytes_that_the_library_gives_it():
    class Stream(io.BytesIO):
        def seekable(self):
            return False

        def seek(self, *_):
            raise OSError

    members = [("a.txt", b"x" * 5000), ("ü/c.txt", b""), ("日本", b"x")]
    theirs = Stream()
    with zipfile.ZipFile(theirs, "w") as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name)
            info.compress_type, info.create_system = zipfile.ZIP_DEFLATED, 3
            with archive.open(info, "w", force_zip64=True) as member:
                member.write(content)
    assert b"".join(zipped((name, [content]) for name, content in members)) == theirs.getvalue()


def test_members_behind_four_gigabytes_and_larger_ones_are_found():
    large, far = 5 << 30, 6 << 30
    members = [
        Member(name="large", crc=1, size=large, packed=large - 1, offset=0),
        Member(name="far", crc=2, size=3, packed=5, offset=far),
    ]
    with zipfile.ZipFile(Sparse(members[-1].end, b"".join(ended(members)))) as archive:
        found = [(i.filename, i.CRC, i.file_size, i.compress_size) for i in archive.infolist()]
        assert found == [("large", 1, large, large - 1), ("far", 2, 3, 5)]
        assert [info.header_offset for info in archive.infolist()] == [0, far]


class Sparse(io.BytesIO):
    """A file whose first bytes were left out."""

    def __init__(self, left_out: int, content: bytes) -> None:
        super().__init__(content)
        self._left_out = left_out

    def seek(self, to, whence=0):
        return self._left_out + super().seek(to - (self._left_out if whence == 0 else 0), whence)

    def tell(self):
        return self._left_out + super().tell()


def written(many: int) -> Iterator[Member]:
    place = 0
    for number in range(many):
        member = Member(name=f"{number:06}/a.txt", crc=0, size=9, packed=11, offset=place)
        place = member.end
        yield member


def test_a_list_of_a_hundred_and_twenty_thousand_members_is_read_by_others():
    *_, last = written(MANY)
    with zipfile.ZipFile(Sparse(last.end, b"".join(ended(written(MANY))))) as archive:
        assert len(archive.infolist()) == MANY
        assert archive.getinfo(last.name).header_offset == last.offset


def peak_of(act) -> int:
    """Return how many bytes were held at once while something was done."""
    tracemalloc.start()
    try:
        act()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_to_list_members_takes_no_more_memory_if_they_are_more():
    few, many = (peak_of(lambda n=n: sum(map(len, ended(written(n))))) for n in (5_000, 20_000))
    assert many < few * 1.5


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


def test_of_very_many_names_few_bytes_are_held():
    names = Repeated()
    assert peak_of(lambda: check_members(names)) < names.many * 80


class Repeated:
    """Names that are made each time that somebody goes through them."""

    many = 20_000

    def __iter__(self) -> Iterator[str]:
        return (f"folder/{number:06}-{'x' * 100}.txt" for number in range(self.many))
