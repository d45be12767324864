"""The defaults of definition keys: within a format none ever changes, since runs leave them out."""

from pipeline.domain.catalogue.schema import pipeline_schema, pool_schema

type Defaults = dict[str, object]


def defaults() -> Defaults:
    """Return the default of every key that has one, by the name of its model and key."""
    found: Defaults = {}
    for schema in (pipeline_schema(), pool_schema()):
        models = {"": schema, **schema["$defs"]}
        for model, body in models.items():
            title = model or schema["title"]
            for key, described in body.get("properties", {}).items():
                if "default" in described:
                    found[f"{title}.{key}"] = described["default"]
    return found
