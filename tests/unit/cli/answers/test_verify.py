"""`fanfare verify`: a fetched output agrees with its manifest, or says where it does not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.answers.conftest import SMALL, refusal

ROOT = Path(__file__).resolve().parents[4]


@pytest.fixture
def folder(cli, run, tmp_path):
    cli.json("get", run.id, tmp_path / "out")
    return tmp_path / "out"


def small_in(folder: Path) -> Path:
    return next(path for path in folder.rglob("*") if path.is_file() and path.stat().st_size == 6)


def judged(cli, folder) -> dict[str, tuple[str, str]]:
    """Verify a folder that does not agree; return each name with its judgement."""
    result = cli("verify", folder, "--json")
    answer = json.loads(result.stdout)
    assert (result.exit_code, answer["agrees"]) == (1, False)
    return {one["name"]: (one["agreement"], one["why"]) for one in answer["files"]}


def test_a_fetched_output_agrees_and_nobody_is_asked(cli, run, folder):
    cli.target = "untouched"
    result = cli("verify", folder)
    assert result.exit_code == 0 and "2 ok" in result.stdout and run.id in result.stdout
    assert cli.json("verify", folder)["agrees"]
    assert cli.target == "untouched"


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (lambda path: path.write_bytes(SMALL.upper()), "SHA-256"),
        (lambda path: path.write_bytes(b"longer than it was"), "18 bytes instead of 6"),
        (lambda path: (path.rename(path.with_name("x")), path.symlink_to("x")), "not a regular"),
        (lambda path: (path.unlink(), path.mkdir()), "not a regular file"),
    ],
)
def test_a_changed_file_is_named_with_its_difference(cli, folder, damage, why):
    path = small_in(folder)
    damage(path)
    agreement, said = judged(cli, folder)[str(path.relative_to(folder))]
    assert agreement == "changed" and why in said


def test_a_missing_and_an_extra_file_are_named(cli, folder):
    path = small_in(folder)
    path.unlink()
    (folder / "of mine\x1b[2J").write_bytes(b"")
    (folder / "away").symlink_to("/")
    found = judged(cli, folder)
    assert found[str(path.relative_to(folder))][0] == "missing"
    assert found["of mine\x1b[2J"][0] == found["away"][0] == "extra"
    shown = cli("verify", folder).stdout
    assert "1 ok, 1 missing, 2 extra" in shown and "of mine\\x1b[2J" in shown


def test_a_folder_that_is_a_link_now_has_no_files(cli, folder):
    path = next(path for path in folder.rglob("b.bin"))
    inner = path.relative_to(folder).parts[0]
    (folder / inner).rename(folder.parent / "moved")
    (folder / inner).symlink_to(folder.parent / "moved")
    found = judged(cli, folder)
    assert found[str(path.relative_to(folder))] == ("changed", "not a regular file")


def test_what_cannot_be_checked_is_refused_with_a_remedy(cli, tmp_path):
    assert "There is no folder" in refusal(cli, "verify", tmp_path / "nowhere")
    assert "`fanfare get RUN FOLDER` writes it" in refusal(cli, "verify", tmp_path)
    (tmp_path / "manifest.json").write_text('{"files": 1}')
    assert "is not a manifest" in refusal(cli, "verify", tmp_path)


def test_a_manifest_whose_names_leave_the_folder_is_refused(cli, folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][0]["name"] = "../../etc/passwd"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert "leaves its folder" in refusal(cli, "verify", folder)


def test_checking_a_folder_imports_nothing_of_azure(folder):
    program = (
        "import sys\n"
        "from pipeline.cli.main import app\n"
        "try:\n    app(['verify', sys.argv[1]])\n"
        "except SystemExit as end:\n    assert end.code == 0, end.code\n"
        "assert not [name for name in sys.modules if name.partition('.')[0] == 'azure']\n"
    )
    subprocess.run([sys.executable, "-c", program, str(folder)], check=True, cwd=ROOT, timeout=60)
