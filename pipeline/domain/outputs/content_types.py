"""The content type of an output file, by its name; used where the assembler says none."""

import mimetypes

UNKNOWN = "application/octet-stream"
_COMPRESSED = {
    "gzip": "application/gzip",
    "bzip2": "application/x-bzip2",
    "xz": "application/x-xz",
    "br": "application/x-brotli",
}
_MORE = {
    ".jsonl": "application/x-ndjson",
    ".ndjson": "application/x-ndjson",
    ".parquet": "application/vnd.apache.parquet",
    ".yaml": "application/yaml",
    ".yml": "application/yaml",
    ".zst": "application/zstd",
}

# The table of the library and not of the machine: the answer must not depend on where code runs.
_TYPES = mimetypes.MimeTypes()
for _ending, _kind in _MORE.items():
    _TYPES.add_type(_kind, _ending)


def content_type_of(name: str) -> str:
    """Return the content type that a file's name tells, or that of plain bytes."""
    plain = name.rsplit("/", 1)[-1]
    if ":" in plain:  # what looks like the scheme of a URL is part of the name
        plain = plain.rsplit(":", 1)[-1]
    kind, compressed = _TYPES.guess_type(plain)
    if compressed:
        return _COMPRESSED.get(compressed, UNKNOWN)
    return kind or UNKNOWN
