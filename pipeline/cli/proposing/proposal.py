"""Chooses split, trigger, arguments and assembler, and says why, from a script and a sample."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pipeline.cli.proposing.sample import Sample
from pipeline.cli.proposing.script import Argument, Role, Script

_ROWS, _LINES = 1_000, 1_000
_JOINED = {
    ".csv": "csv", ".tsv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".txt": "plain",
    ".log": "plain", ".md": "plain",
}  # fmt: skip


class Unproposable(Exception):
    """No pipeline can be proposed; the message says what to name."""


@dataclass(frozen=True)
class Choice:
    """What was chosen for a key, and why; `others` fit as well."""

    key: str
    value: str
    why: str
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Given:
    """What a user has chosen; "" leaves the choice open."""

    split: str = ""
    assemble: str = ""
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proposal:
    """A pipeline for a script: what was chosen, and its definition."""

    name: str
    program: str
    pool: str
    ending: str
    packages: tuple[str, ...]
    choices: Mapping[str, Choice] = field(default_factory=dict)

    @property
    def open(self) -> list[Choice]:
        """The choices for which something else fits as well."""
        return [one for one in self.choices.values() if one.others]


# Each way to split: its key in a definition, and what an argument gets of an item.
_SPLITS = {
    "whole": ("{blobs: {}}", "{input}"),
    "line": ("{lines: {}}", "{line}"),
    "lines": (f"{{lines: {{lines_per_item: {_LINES}}}}}", "{lines_file}"),
    "rows": (f"{{csv: {{rows_per_item: {_ROWS}}}}}", "{rows_file}"),
}


def proposed(names: tuple[str, str, str], script: Script, sample: Sample, given: Given) -> Proposal:
    """Propose a pipeline; `names` are those of pipeline, program and pool.

    Raises Unproposable if the script's arguments are not clear.
    """
    name, program, pool = names
    split = _split(script, sample, given)
    ending = _ending(script, sample)
    arguments = _arguments(script, split.value, ending, given)
    assemble = _assemble(split.value, ending, given)
    choices = {one.key: one for one in (split, arguments, assemble)}
    return Proposal(name, program, pool, sample.ending, script.packages, choices)


def _split(script: Script, sample: Sample, given: Given) -> Choice:
    if given.split:
        return Choice("split", given.split, "you named it")
    line, source = script.of_role(Role.LINE), script.of_role(Role.INPUT)
    if line and not source:
        return Choice("split", "line", f"the script works on one {line.name} at a time")
    if sample.delimiter and (source is None or source.use.reads_table):
        why = "the script reads a table, and may need all of it"
        return Choice("split", "whole", why, ("rows",))
    if sample.has_records:
        return Choice(
            "split", "whole", "the script reads a file, and may need all of it", ("lines",)
        )
    kind = f"a {sample.ending or 'file'}"
    why = "the script reads a whole file" if sample.is_text else f"{kind} cannot be cut into parts"
    return Choice("split", "whole", why)


def _ending(script: Script, sample: Sample) -> str:
    """Return the ending of the files that the script writes; "" if nothing tells it."""
    output = script.of_role(Role.OUTPUT)
    if output is None:
        return ""
    names = output.use.names
    if names:
        return "." + names[0].rpartition(".")[2].lower()
    return output.use.ending or (sample.ending if output.use.writes_file else "")


def _arguments(script: Script, split: str, ending: str, given: Given) -> Choice:
    if given.arguments:
        return Choice("arguments", _words_in_yaml(given.arguments), "you named them")
    others = [one.name for one in script.arguments if one.role is Role.OTHER]
    if script.unclear or others or script.of_role(Role.OUTPUT) is None:
        why = script.unclear or (
            f"it needs {', '.join(others)}" if others else "no argument of it is for its output"
        )
        raise Unproposable(
            f"The arguments of the script are not clear ({why}): name them as on a command line, "
            "such as --arguments '{input} {output}'. `{output}` is a folder."
        )
    words = [word for one in script.arguments for word in _words(one, split, ending)]
    return Choice("arguments", _words_in_yaml(words), _why(script))


def _words(argument: Argument, split: str, ending: str) -> list[str]:
    value = _SPLITS[split][1]
    if argument.role is Role.OUTPUT:
        file = argument.use.writes_file and not argument.use.is_folder
        literal = ending.replace("{", "{{").replace("}", "}}")
        value = f"{{output}}/result{literal}" if file else "{output}"
    return [argument.option, value] if argument.option else [value]


def _why(script: Script) -> str:
    output = script.of_role(Role.OUTPUT)
    takes = " ".join(one.option or one.name for one in script.arguments)
    kind = (
        "a file" if output and output.use.writes_file and not output.use.is_folder else "a folder"
    )
    return f"the script takes {takes}, and its output is {kind}"


def _assemble(split: str, ending: str, given: Given) -> Choice:
    name = _in_yaml(f"all{ending}")
    ways = {
        "none": "{none: {}}",
        "zip": "{zip: {name: all.zip}}",
        "concatenate": f"{{concatenate: {{format: {_JOINED.get(ending, 'plain')}, name: {name}}}}}",
    }
    if given.assemble:
        return Choice("assemble", ways[given.assemble], "you named it")
    if split == "whole":
        return Choice("assemble", ways["none"], "one item: its files are the output")
    if ending in _JOINED:
        return Choice("assemble", ways["concatenate"], f"{ending} files can be joined")
    kind = f"{ending} files" if ending else "files of an unknown kind"
    return Choice("assemble", ways["zip"], f"{kind} cannot be joined")


def definition(proposal: Proposal) -> str:
    """Write the definition of a proposal, with the reasons beside the choices."""
    choices = proposal.choices
    suffix = f", suffix: [{_in_yaml(proposal.ending)}]" if proposal.ending else ""
    environment = f"\n  environment: {proposal.name}" if proposal.packages else ""
    split = choices["split"]
    return (
        "# yaml-language-server: $schema=../.vscode/pipeline.schema.json\n"
        f"description: Run {proposal.program} on each upload\n"
        f"# An upload to input/{proposal.name}/ starts a run.\n"
        f"trigger: {{blob: {{container: input, prefix: {proposal.name}/{suffix}}}}}\n"
        f"# {_sentence(split.why)}\n"
        f"split: {_SPLITS[split.value][0]}\n"
        f"# {_sentence(choices['arguments'].why)}\n"
        "task:\n"
        f"  program: {proposal.program}\n"
        f"  arguments: {choices['arguments'].value}{environment}\n"
        f"pool: {proposal.pool}\n"
        f"# {_sentence(choices['assemble'].why)}\n"
        f"assemble: {choices['assemble'].value}\n"
    )


def _sentence(text: str) -> str:
    """Make a comment of one line, whatever names a script has."""
    line = " ".join(text.split())
    return f"{line[0].upper()}{line[1:]}."


def _words_in_yaml(words: Sequence[str]) -> str:
    # Escaped, a character beyond the first 65,536 would become two in YAML.
    return json.dumps(list(words), ensure_ascii=False)


def _in_yaml(text: str) -> str:
    """Quote a text unless it has only letters, digits and what has no meaning in YAML."""
    plain = re.fullmatch(r"[\w.][\w.-]*", text, re.ASCII)
    return text if plain else json.dumps(text, ensure_ascii=False)
