"""The runner touches nothing that it did not make, whatever a program puts in its way."""

from pathlib import Path

import pytest

from tests.node.conftest import Node


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Make a folder of the user with two files, one of them in a folder."""
    folder = tmp_path / "own"
    (folder / "output").mkdir(parents=True)
    (folder / "diary.txt").write_text("dear diary")
    (folder / "output" / "thesis.txt").write_text("chapter one")
    return folder


def untouched(own: Path) -> bool:
    """Return whether the user's folder is as it was."""
    files = {path.name: path.read_text() for path in own.rglob("*") if path.is_file()}
    return files == {"diary.txt": "dear diary", "thesis.txt": "chapter one"}


def test_a_link_in_the_place_of_the_output_folder_is_refused_and_not_followed(
    node: Node, own: Path
) -> None:
    item = node.sh('rmdir "$1"; ln -s "$2" "$1"', "{output}", "{own}").item(own=str(own)).run_one()
    assert (item["cause"], item["outputs"]) == ("output-unusable", [])
    assert item["tail"].startswith("The program removed or replaced its output folder")
    assert untouched(own)


def test_another_folder_in_the_place_of_the_output_folder_stays_as_it_is(
    node: Node, own: Path
) -> None:
    script = 'rmdir "$1"; mv "$2" "$1"; ln -s "$1" "$2"'
    item = node.sh(script, "{output}", "{own}").item(own=str(own)).run_one()
    assert item["cause"] == "output-unusable"
    assert untouched(own)


@pytest.mark.parametrize("above", ["..", "../.."])
def test_a_link_in_the_place_of_a_folder_above_is_not_followed(
    node: Node, own: Path, above: str
) -> None:
    (own / "0-1" / "output").mkdir(parents=True)
    (own / "0-1" / "output" / "plan.txt").touch()
    script = f'up=$(realpath {above}); mv "$up" "$up-away"; ln -s "$1" "$up"; exit 0'
    receipt = node.sh(script, "{own}").item(own=str(own)).run()
    assert receipt["items"][0]["outputs"] == []
    assert (own / "0-1" / "output" / "plan.txt").exists()
    assert (own / "diary.txt").exists()


def test_links_that_wait_for_the_next_item_are_not_followed(node: Node, own: Path) -> None:
    script = 'test $FANFARE_ITEM = 1 || ln -s "$2" ../../1-1; touch "$1/x"'
    node.sh(script, "{output}", str(own)).items(2)
    assert [item["outcome"] for item in node.run()["items"]] == ["succeeded"] * 2
    assert sorted(path.name for path in own.iterdir()) == ["diary.txt", "output"]


@pytest.mark.parametrize("name", ["l-$FANFARE_ATTEMPT.txt", "tmp-$FANFARE_ATTEMPT"])
def test_a_link_in_the_place_of_the_runners_own_file_is_not_written_through(
    node: Node, own: Path, name: str
) -> None:
    node.sh(f'ln -sf "$1" "../../../{name}"', f"{own}/diary.txt").items(2).run()
    assert untouched(own)


def test_a_link_in_the_place_of_an_output_to_come_is_replaced(node: Node, own: Path) -> None:
    script = 'ln -s "$2" "../../../o-$FANFARE_ATTEMPT-0"; echo new > "$1/x"'
    node.sh(script, "{output}", f"{own}/diary.txt")
    (output,) = node.run_one()["outputs"]
    assert (node.folder / output["blob"]).read_text() == "new\n"
    assert untouched(own)


def test_the_folders_of_a_try_are_gone_even_without_rights(node: Node) -> None:
    node.sh('touch "$1/x"; chmod 000 "$1" .', "{output}").run()
    assert not list(node.folder.glob("try-*"))
