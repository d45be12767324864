"""A text that every Python has: the topics of its own help."""

from pydoc_data.topics import topics


def sample() -> bytes:
    """Return the topics in the order of their names."""
    return "\n".join(topics[name] for name in sorted(topics)).encode()
