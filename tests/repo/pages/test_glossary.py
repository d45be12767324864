"""docs/glossary.md: one meaning for each word, and definitions and docs keep to it."""

import re
from pathlib import Path

import pytest

from pipeline.domain.definitions.pipeline import PipelineBody
from pipeline.domain.definitions.pool import PoolBody

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "docs/glossary.md").read_text("utf-8")
ROWS = re.findall(r"^\| ([a-z][a-z -]*) \| ([^|]+) \| ([^|]*)\|$", TEXT, re.MULTILINE)
WORDS = [word for word, _, _ in ROWS if word != "word"]
AZURE = re.findall(r"[\w-]+(?: [\w-]+)?", re.search(r"Azure's meaning: ([^.]*)\.", TEXT)[1])
DOCS = [
    path
    for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
    if path.name != "glossary.md"
]
# Words of the design; some of it is planned.
DESIGN = (
    "pipeline", "run", "generation", "item", "task", "attempt", "receipt", "ledger", "assemble",
    "announce", "try", "execution", "redrive", "retry", "stage", "obstacle", "cause", "verdict",
    "slice", "claim", "bundle", "pin", "plan", "page", "sweep", "alias", "manifest", "outbox",
    "tick", "doorbell", "runner", "environment", "crash matrix", "execute anew", "contract suite",
)  # fmt: skip
# Keys that are a word of everyday English or of another standard, with just that meaning.
PLAIN = {
    "fanfare", "description", "priority", "parameters", "limits", "output", "size", "image",
    "slots", "nodes", "gpu", "containers", "idle_minutes", "price", "max_concurrent_runs",
    "max_waiting_runs", "memory", "disk", "packages", "start",
}  # fmt: skip


def test_every_word_has_one_meaning():
    assert len(WORDS) > 70
    assert not [word for word in WORDS if WORDS.count(word) > 1]


@pytest.mark.parametrize("word", DESIGN)
def test_the_words_of_the_design_are_there(word):
    assert word in WORDS


@pytest.mark.parametrize("model", [PipelineBody, PoolBody])
def test_every_key_of_a_definition_is_a_word_with_a_meaning(model):
    known = {*WORDS, *AZURE, *PLAIN}
    unknown = [
        key for key in model.model_fields
        if key not in known and key.removesuffix("s") not in known
        and key.removesuffix("ies") + "y" not in known
    ]  # fmt: skip
    assert not unknown


def prose(path: Path) -> str:
    """Return a page without its code blocks, code spans and addresses."""
    text = re.sub(r"```.*?```", "", path.read_text("utf-8"), flags=re.DOTALL)
    return re.sub(r"`[^`]*`|\]\([^)]*\)|https?://\S+", "", text)


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_no_page_uses_another_word_for_it(path):
    text = prose(path)
    avoided = {word.strip() for _, _, words in ROWS for word in words.split(",") if word.strip()}
    avoided.discard("not")
    found = [
        word for word in sorted(avoided) if re.search(rf"\b{word}s?\b", text, re.IGNORECASE)
    ]  # fmt: skip
    assert not found


def test_meanings_are_short():
    long = [word for word, meaning, _ in ROWS if len(meaning.split()) > 30]
    assert not long
