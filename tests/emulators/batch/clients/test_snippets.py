"""The README's snippets for other clients connect and list."""

import pytest

from emulators.batch.command_line import ACCOUNT
from tests.emulators.batch.clients.story import NODE, OLD_PYTHON, run
from tests.emulators.batch.running import KEY, ROOT, Emulator

CLIENTS = (ROOT / "emulators/batch/README.md").read_text("utf-8").partition("\n## Clients\n")[2]


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Emulator:
    """Run an emulator with the account of the README, and one pool."""
    running = Emulator(tmp_path_factory.mktemp("batch"), "--account", ACCOUNT)
    running.client.close()
    running.client = running.connect(ACCOUNT, KEY)
    running.add_pool("first", nodes=0)
    yield running
    assert running.stop() == 0


@pytest.mark.parametrize(
    ("language", "command"),
    [
        ("javascript", [str(NODE), "--input-type=module", "-e"]),
        ("python", [str(OLD_PYTHON), "-W", "ignore::SyntaxWarning", "-c"]),
    ],
)
def test_a_snippet_of_the_readme_lists_the_pool(
    known: Emulator, language: str, command: list[str]
) -> None:
    snippet = CLIENTS.partition(f"```{language}\n")[2].partition("```")[0]
    code = snippet.replace("http://127.0.0.1:PORT", known.endpoint).replace("KEY", KEY)
    assert run([*command, code]) == "first active\n"
