"""Every operation of the SDK has one route, and paths stay encoded until they are matched."""

import pytest
from azure.batch import BatchClient

from emulators.batch.errors import BatchError
from emulators.batch.wire.contract import CONTRACTS
from emulators.batch.wire.routes import ROUTES, RouteTable


def test_all_operations_have_a_route_and_paths_stay_encoded_until_matched() -> None:
    assert len(ROUTES) == len({route.operation for route in ROUTES}) == 72
    route, params = RouteTable().find("GET", "/jobs/a%3Ajob-1/tasks/t/files/wd%2Fx%20y.txt")
    assert (route.operation, params["jobId"], params["filePath"]) == (
        "download_task_file",
        "a:job-1",
        "wd/x y.txt",
    )
    assert RouteTable().find("GET", "/jobs/a/tasks/t/files")[0].operation == "list_task_files"
    for method, path, code in (
        ("GET", "/nothing", "InvalidUri"),
        ("PATCH", "/nodecounts", "UnsupportedHttpVerb"),
    ):
        with pytest.raises(BatchError) as error:
            RouteTable().find(method, path)
        assert error.value.code == code


def test_the_routes_are_the_operations_of_the_sdk() -> None:
    own = {"close", "create_tasks", "send_request"}
    methods = {name for name in dir(BatchClient) if not name.startswith("_")} - own
    assert {route.operation for route in ROUTES} == methods
    assert set(CONTRACTS) <= methods
