"""JSON Schemas of pipelines, pools, completion events and manifests."""

from datetime import timedelta
from typing import override

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from pipeline.domain.definitions.pipeline import PipelineBody
from pipeline.domain.definitions.pool import PoolBody
from pipeline.domain.notation.durations import format_duration
from pipeline.domain.runs.announcement import CompletionEvent
from pipeline.domain.runs.manifest import Manifest

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def pipeline_schema() -> dict[str, object]:
    """Return the schema of `pipelines/*.yaml`."""
    return _schema(PipelineBody, "Fanfare pipeline")


def pool_schema() -> dict[str, object]:
    """Return the schema of `pools/*.yaml`."""
    return _schema(PoolBody, "Fanfare pool")


def completion_schema() -> dict[str, object]:
    """Return the schema of the completion event, as subscribers receive it."""
    return _schema(CompletionEvent, "Fanfare completion event")


def manifest_schema() -> dict[str, object]:
    """Return the schema of `manifest.json`, which lists a run's committed output."""
    return _schema(Manifest, "Fanfare manifest")


class _Generator(GenerateJsonSchema):
    """Writes default durations as people do, not as ISO 8601."""

    @override
    def encode_default(self, dft: object) -> object:
        return format_duration(dft) if isinstance(dft, timedelta) else super().encode_default(dft)


def _schema(model: type[BaseModel], title: str) -> dict[str, object]:
    schema = model.model_json_schema(by_alias=True, schema_generator=_Generator)
    return {**schema, "$schema": DIALECT, "title": title}
