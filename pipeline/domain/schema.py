"""JSON Schema of what people write and of what subscribers read."""

from pydantic import BaseModel

from pipeline.domain.announcement import CompletionEvent
from pipeline.domain.definition import PipelineBody
from pipeline.domain.pool import PoolBody

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


def _schema(model: type[BaseModel], title: str) -> dict[str, object]:
    return {**model.model_json_schema(by_alias=True), "$schema": DIALECT, "title": title}
