import json

from pipeline.domain.catalogue.schema import pipeline_schema, pool_schema


def test_the_schema_of_a_pipeline_knows_keys_choices_and_refuses_others():
    schema = pipeline_schema()
    definitions = schema["$defs"]
    assert schema["additionalProperties"] is False
    assert "name" not in schema["properties"]
    assert {"trigger", "split", "task", "pool", "assemble"} == set(schema["required"])
    assert definitions["Catchup"]["enum"] == ["last", "all", "none"]
    assert "node-lost" in definitions["Retries"]["properties"]
    assert definitions["Limits"]["properties"]["item"]["default"] == "10m"


def test_the_schema_of_a_pool_is_plain_json():
    schema = pool_schema()
    assert json.loads(json.dumps(schema)) == schema
    assert schema["title"] == "Fanfare pool"
