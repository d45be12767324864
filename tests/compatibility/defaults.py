"""The defaults of definition keys. Within a format they never change, since runs omit them."""

from pipeline.domain.catalogue.schema import pipeline_schema, pool_schema

type Defaults = dict[str, object]


def defaults() -> Defaults:
    """Return the default of every key that has one, by model and key."""
    found: Defaults = {}
    for schema in (pipeline_schema(), pool_schema()):
        models = {"": schema, **schema["$defs"]}
        for model, body in models.items():
            title = model or schema["title"]
            for key, described in body.get("properties", {}).items():
                if "default" in described:
                    found[f"{title}.{key}"] = described["default"]
    return found
