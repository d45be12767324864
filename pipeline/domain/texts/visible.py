"""Texts of strangers, safe to show."""


def visible(text: str) -> str:
    """Spell out control characters, so that no name or log can control a terminal."""
    if text.replace("\n", "").replace("\t", "").isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in "\n\t" else c.encode("unicode_escape").decode() for c in text
    )
