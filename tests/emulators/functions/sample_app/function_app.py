"""A function app that does a little of everything, so that tests can watch the host from
outside."""

import asyncio
import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import List  # noqa: UP035 - the runtime refuses Out[list[str]]

import azure.functions as func

app = func.FunctionApp()
SCRATCH = Path(os.environ["SCRATCH"])


def note(**fields):
    """Append one line to the record of calls, in a single write, so that lines never mix."""
    with (SCRATCH / "notes.jsonl").open("a") as file:
        file.write(json.dumps({"pid": os.getpid(), **fields}) + "\n")


@app.queue_trigger("message", "%PREFIX%work", "Storage")
@app.queue_output("out", "%PREFIX%Results", "Storage")
async def work(message: func.QueueMessage, out: func.Out[str]) -> None:
    body = json.loads(message.get_body())
    note(function="work", body=body, count=message.dequeue_count, id=message.id)
    logging.info("working", extra={"run": body.get("run", "")})
    if body.get("fail"):
        raise ValueError("asked to fail")
    if body.get("die") and message.dequeue_count == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    if body.get("seconds"):
        await asyncio.sleep(body["seconds"])
    while body.get("held") and not (SCRATCH / "go").exists():
        await asyncio.sleep(0.02)
    note(function="work ends", body=body)
    out.set(json.dumps({"echo": body}))


@app.queue_trigger("message", "%PREFIX%results", "Storage")
def results(message: func.QueueMessage) -> None:
    note(function="results", body=json.loads(message.get_body()))


@app.queue_trigger("message", "%PREFIX%hang", "Storage")
def hang(message: func.QueueMessage) -> None:
    note(function="hang", count=message.dequeue_count)
    if message.dequeue_count == 1:
        time.sleep(600)


@app.queue_trigger("message", "%PREFIX%many", "Storage")
@app.queue_output("out", "%PREFIX%results", "Storage")
def many(message: str, out: func.Out[List[str]]) -> None:  # noqa: UP006 - see the import
    out.set([json.dumps({"many": n}) for n in range(int(message))])


@app.timer_trigger("timer", "%TICK%")
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:01")
def tick(timer: func.TimerRequest, context: func.Context) -> None:
    attempt = context.retry_context.retry_count
    note(function="tick", past_due=timer.past_due, attempt=attempt, status=timer.schedule_status)
    if (SCRATCH / "fail-ticks").exists():
        raise ValueError("a bad tick")


@app.route("items/{id:int}/{rest?}", methods=["GET", "POST"])
def item(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    print("looking at an item", file=sys.stderr)
    answer = {
        "id": req.route_params["id"],
        "query": dict(req.params),
        "body": req.get_body().decode(),
        "trace": context.trace_context.trace_parent,
        "url": req.url,
    }
    return func.HttpResponse(
        json.dumps(answer),
        status_code=201,
        mimetype="application/json",
        headers={"Set-Cookie": "a=b; Path=/"},
    )


@app.route("open", auth_level=func.AuthLevel.ANONYMOUS)
async def open_door(req: func.HttpRequest) -> str:
    return f"hello {req.params.get('name', 'stranger')}"


@app.route("broken", auth_level=func.AuthLevel.ANONYMOUS)
async def broken(req: func.HttpRequest) -> str:
    raise KeyError("nothing here")


@app.route("locked", auth_level=func.AuthLevel.ADMIN)
def locked(req: func.HttpRequest) -> str:
    return "in"


@app.event_grid_trigger("event")
async def told(event: func.EventGridEvent) -> None:
    note(function="told", id=event.id, subject=event.subject)
    if event.subject == "bad":
        raise ValueError("bad event")


@app.event_grid_trigger("event")
async def told_cloud(event: func.CloudEvent) -> None:
    note(function="told_cloud", id=event.id, source=event.source)


@app.queue_trigger("message", "%PREFIX%never", "Storage")
def switched_off(message: str) -> None:
    note(function="switched_off")
