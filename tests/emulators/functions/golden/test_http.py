"""Routes: real requests, byte for byte, against the HTTP trigger with the recorded routes."""

import asyncio
import json

import pytest
from aiohttp import web

from emulators.functions.app.definitions import Binding, Function
from emulators.functions.errors import StartError
from emulators.functions.http.trigger import HttpTrigger
from tests.emulators.functions.golden.cases import Case, each, hold


@each("http")
def test_a_request_finds_the_function_that_azure_finds(case):
    hold(case, replay)


def replay(case: Case) -> None:
    given, then = case["given"], case["then"]
    functions = [_function(route) for route in given["routes"]]
    if "error_at_mapping" in then:
        with pytest.raises(StartError):
            HttpTrigger(functions, given.get("prefix_given", "api"), None, None)
        return
    try:
        trigger = HttpTrigger(functions, given["prefix_given"], Named(), None)
    except StartError as error:
        raise AssertionError(error) from error
    status, body = asyncio.run(ask(trigger, given["request"]))
    assert status == then["status"]
    if then["status"] == 200 and not given["request"].startswith("HEAD"):
        answer = json.loads(body)
        assert answer["function"] == then["function"]
        given_values = {name: v for name, v in then["values"].items() if v is not None}
        assert {name: v for name, v in answer["values"].items() if v} == given_values


def _function(route):
    properties = {"route": route["route"], "authlevel": "anonymous"}
    if route["methods"] is not None:
        properties["methods"] = route["methods"]
    return Function(route["function"], route["function"], Binding("req", "httptrigger", properties))


class Named:
    """Stands in for the invocations of a host: a function answers with its name and values."""

    async def run(self, function, call):
        answer = {"function": function.name, "values": call.data["value"]["params"]}
        return {"$return": {"kind": "string", "value": json.dumps(answer)}}


async def ask(trigger, request_line):
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", trigger.handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(f"{request_line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    await runner.cleanup()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode()
