"""`fanfare env`: with the real uv, and an index that is a folder of wheels."""

import zipfile

import pytest

from pipeline.cli.exits import Exit

PACKAGES = {
    "tool-a": ("1.0", "py3-none-any"),
    "only-windows": ("1.0", "cp312-cp312-win_amd64"),
    "only-3-13": ("1.0", "cp313-cp313-manylinux_2_17_x86_64"),
}


def offer(folder, name, version, tag="py3-none-any", needs=()):
    """Put a wheel into an index."""
    stem = f"{name.replace('-', '_')}-{version}"
    about = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    about += [f"Requires-Dist: {one}" for one in needs]
    with zipfile.ZipFile(folder / f"{stem}-{tag}.whl", "w") as wheel:
        wheel.writestr(f"{stem}.dist-info/METADATA", "\n".join(about) + "\n")
        wheel.writestr(f"{stem}.dist-info/WHEEL", f"Wheel-Version: 1.0\nTag: {tag}\n")
        wheel.writestr(f"{stem}.dist-info/RECORD", "")


@pytest.fixture
def index(tmp_path, monkeypatch):
    """An index with a few packages, and nothing else."""
    folder = tmp_path / "index"
    folder.mkdir()
    for name, (version, tag) in PACKAGES.items():
        offer(folder, name, version, tag)
    monkeypatch.setenv("UV_NO_INDEX", "1")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return folder


@pytest.fixture
def written(tmp_path):
    """Write NAME.in, and return where the command writes NAME.txt."""
    folder = tmp_path / "task_scripts" / "environments"
    folder.mkdir(parents=True)

    def write(*lines):
        (folder / "mine.in").write_text("".join(f"{line}\n" for line in lines))
        return folder / "mine.txt"

    return write


def test_every_package_gets_its_version_and_hashes_also_those_that_others_need(cli, index, written):
    offer(index, "top", "2.0", needs=["tool-a"])
    target = written("top")
    assert cli.json("env", "mine")["packages"] == ["tool-a==1.0", "top==2.0"]
    lines = target.read_text().splitlines()
    assert [line.startswith("    --hash=sha256:") for line in lines] == [False, True, False, True]
    assert "://" not in target.read_text()


def test_versions_stay_until_an_upgrade_is_asked_for(cli, index, written):
    target = written("tool-a")
    cli("env", "mine")
    offer(index, "tool-a", "2.0")
    assert "kept" in cli("env", "mine").output
    assert target.read_text().startswith("tool-a==1.0 ")
    cli("env", "mine", "--upgrade")
    assert target.read_text().startswith("tool-a==2.0 ")


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["no-such-thing"], "has no package no-such-thing: correct task_scripts/environments/mine"),
        (["only-windows"], "only-windows 1.0 has no wheel for nodes (Python 3.12 on Linux x86-64)"),
        (["only-3-13"], "only-3-13 1.0 has no wheel for nodes (Python 3.12 on Linux x86-64)"),
        (["tool-a>=7"], "mine.in cannot be met: "),
        (["tool a"], "mine.in cannot be met: "),
    ],
)
def test_what_nodes_cannot_get_is_refused_in_one_line_and_nothing_changes(
    cli, index, written, lines, why
):
    target = written(*lines)
    target.write_text("# as it was\n")
    result = cli("env", "mine")
    assert result.exit_code == Exit.USAGE
    assert why in result.output
    assert len(result.output.splitlines()) == 1
    assert target.read_text() == "# as it was\n"


def test_a_package_from_an_address_is_refused(cli, index, written):
    wheel = next(index.glob("tool_a*"))
    target = written(f"tool-a @ file://{wheel}")
    result = cli("env", "mine")
    assert result.exit_code == Exit.USAGE
    assert "is not a version of a package" in result.output
    assert not target.exists()


def test_an_index_that_cannot_be_reached_is_told(cli, index, written, monkeypatch):
    monkeypatch.delenv("UV_NO_INDEX")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    written("no-such-thing")
    result = cli("env", "mine")
    assert result.exit_code == Exit.UNREACHABLE
    assert "The package index cannot be reached" in result.output


@pytest.mark.parametrize("name", ["other", "../mine", "a/b"])
def test_an_environment_without_a_list_of_packages_is_refused(cli, written, name):
    written("tool-a")
    result = cli("env", name)
    assert result.exit_code == Exit.USAGE
    assert "(environments: mine)" in result.output


def test_an_archive_that_is_older_now_is_told_with_what_works_in_a_project(cli, index, written):
    target = written("tool-a")
    target.with_suffix(".zip").write_bytes(b"PK")
    told = cli("env", "mine").stdout
    assert "mine.zip is older: delete it. `fanfare package` makes one for a deployment" in told
    assert "make archives" not in told
