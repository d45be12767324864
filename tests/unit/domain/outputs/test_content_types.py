import pytest

from pipeline.domain.outputs.content_types import content_type_of


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("video.mp4", "video/mp4"),
        ("a/TABLE.CSV", "text/csv"),
        ("all.jsonl", "application/x-ndjson"),
        ("words.json", "application/json"),
        ("data.tar.gz", "application/gzip"),
        ("part-0.parquet", "application/vnd.apache.parquet"),
        ("data:x.png", "image/png"),
        ("data:text/html,x", "application/octet-stream"),
        ("README", "application/octet-stream"),
        ("a.unknown", "application/octet-stream"),
    ],
)
def test_a_name_tells_the_content_type(name, kind):
    assert content_type_of(name) == kind
