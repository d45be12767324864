"""The README's first lines work, and its table is the parser's."""

import re
from pathlib import Path

from emulators.batch.command_line import ACCOUNT, KEY, make_parser
from tests.emulators.batch.running import Emulator

README = Path("emulators/batch/README.md").read_text("utf-8")


def test_the_first_example_runs_on_a_plain_emulator(tmp_path: Path) -> None:
    emulator = Emulator(tmp_path, "--account", ACCOUNT, "--key", KEY)
    code = README.partition("```python\n")[2].partition("```")[0]
    known: dict[str, object] = {}
    exec(code.replace("http://127.0.0.1:PORT", emulator.endpoint), known)
    emulator.client.close()
    emulator.client = known["client"]
    emulator.finished("job", "task")
    assert emulator.file("job", "task", "stdout.txt").startswith("hello from tvmps_")
    emulator.stop()


def test_every_flag_is_in_the_table_and_every_flag_of_the_table_is_one() -> None:
    told = set(re.findall(r"`(--[a-z-]+)", README.partition("## Flags")[2].partition("## ")[0]))
    actions = make_parser()._actions
    flags = {flag for action in actions for flag in action.option_strings if flag.startswith("--")}
    assert told == flags - {"--help"}
