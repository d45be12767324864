"""A stand-in for the Azure CLI: a program `az` that prints what was recorded, or what a test says.

`answers.json` has what azure-cli 2.91.0 printed when its own code was run on bodies of Azure's REST
interface, shortened. Bodies of Batch follow Azure/azure-cli, src/azure-cli/azure/cli/
command_modules/batch/tests/latest/recordings/test_batch_general_arm_cmd.yaml, with the sizes and
quotas of the project's pools. Nobody recorded the others: that of Flex Consumption has the fields
which the CLI's code reads, policies have the shape of built-in definitions (Azure/azure-policy),
and name checks have the fields which public callers read.
"""

import json
import sys
from pathlib import Path

from pipeline.domain.preflight.findings import Intent, Reply
from pipeline.domain.preflight.questions import QUESTIONS, Ask

RECORDED = Path(__file__).with_name("answers.json")
ACCOUNT = Path(__file__).with_name("batch_account.json")
_PROGRAM = """#!{python} -SEI
import json, pathlib, sys, time
here = pathlib.Path(__file__).parent
with (here / "asked.jsonl").open("a") as log:
    log.write(json.dumps(sys.argv[1:]) + "\\n")
answers = json.loads((here / "answers.json").read_text())
asked = " ".join(sys.argv[1:])
known = [words for words in answers if all(w in asked for w in words.split(" ... "))]
if not known:
    sys.exit(f"ERROR: az has no answer to: {{asked}}")
answer = answers[max(known, key=len)]
if isinstance(answer, dict) and "refused" in answer:
    print("ERROR:", answer["refused"], file=sys.stderr)
    sys.exit(1)
if isinstance(answer, dict) and "hangs_s" in answer:
    time.sleep(answer["hangs_s"])
print(answer["printed"] if isinstance(answer, dict) and "printed" in answer else json.dumps(answer))
"""


def recorded() -> dict[str, object]:
    """Return what was recorded, by the words of the commands."""
    return json.loads(RECORDED.read_text("utf-8"))


def account_of(name: str, **other: object) -> dict[str, object]:
    """Return the recorded Batch account under another name."""
    account = json.loads(ACCOUNT.read_text("utf-8")) | {"name": name} | other
    return account | {"accountEndpoint": account["accountEndpoint"] % name}


def replies_to(answers: dict[str, object], intent: Intent) -> dict[Ask, Reply]:
    """Return the replies to all questions, as the program would print them."""
    replies: dict[Ask, Reply] = {}
    for ask, question in sorted(QUESTIONS.items(), key=lambda pair: pair[1].wave):
        if why := question.idle(intent, replies):
            replies[ask] = Reply(trouble=why)
            continue
        asked = " ".join(question.words(intent, replies))
        known = [words for words in answers if all(w in asked for w in words.split(" ... "))]
        replies[ask] = Reply(answers[max(known, key=len)])
    return replies


class StandIn:
    """The program in a folder, which a test puts on the PATH."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.answers = recorded()
        program = folder / "az"
        program.write_text(_PROGRAM.format(python=sys.executable), "utf-8")
        program.chmod(0o755)
        self.save()

    def answer(self, words: str, content: object) -> None:
        """Let a command print something else than what was recorded."""
        assert words in self.answers, words
        self.answers[words] = content
        self.save()

    def save(self) -> None:
        (self.folder / "answers.json").write_text(json.dumps(self.answers), "utf-8")

    @property
    def asked(self) -> list[list[str]]:
        """The words of each call."""
        lines = (self.folder / "asked.jsonl").read_text("utf-8").splitlines()
        return [json.loads(line) for line in lines]
