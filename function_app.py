"""The function app: triggers only. Each decodes its event and calls the handler."""

import json
import logging
from http import HTTPStatus

import azure.functions as func

from pipeline import bootstrap
from pipeline.domain.runs.messages import Queue
from pipeline.handlers.doors import access, dispatch, files, http, looking, timers

bootstrap.configure_logging(logging.getLogger("fanfare"))
bootstrap.load()
# Without function keys (in Azure) every route calls `access.serve`, which requires an Entra token.
_level = func.AuthLevel.FUNCTION if bootstrap.by_function_key() else func.AuthLevel.ANONYMOUS
app = func.FunctionApp(http_auth_level=_level)
STORAGE = "AzureWebJobsStorage"


def _on_queue(queue: Queue) -> None:
    name = queue.replace("-", "_")

    @app.function_name(f"on_{name}")
    @app.queue_trigger(arg_name="message", queue_name=str(queue), connection=STORAGE)
    def on_message(message: func.QueueMessage) -> None:
        body, deliveries = message.get_body().decode(), message.dequeue_count or 1
        dispatch.handle(bootstrap.engine(), queue, body, deliveries, message.insertion_time)


for _queue in Queue:
    _on_queue(_queue)


@app.event_grid_trigger(arg_name="event")
def on_blob_event(event: func.EventGridEvent) -> None:
    """Handle a blob event that a webhook delivers; the alternative to the queue."""
    content = {
        "id": event.id,
        "subject": event.subject,
        "eventType": event.event_type,
        "eventTime": event.event_time.isoformat() if event.event_time else None,
        "data": event.get_json(),
    }
    dispatch.handle(bootstrap.engine(), Queue.BLOB_EVENTS, json.dumps(content))


@app.timer_trigger(arg_name="timer", schedule="%FANFARE_TICK%")
def on_tick(timer: func.TimerRequest) -> None:
    """Every minute, do what `timers` says; when this timer has stopped, others do it."""
    timers.every_minute(bootstrap.engine())


@app.timer_trigger(arg_name="timer", schedule="%FANFARE_LOST_EVENTS%")
def on_lost_events(timer: func.TimerRequest) -> None:
    """Every hour, start runs whose events were lost, and delete jobs that completed long ago."""
    timers.every_hour(bootstrap.engine())


@app.route(route="runs", methods=["POST"])
def start_run(req: func.HttpRequest) -> func.HttpResponse:
    """Start a run."""
    key, encoding = req.headers.get("Idempotency-Key"), req.headers.get("Content-Encoding")
    return _reply(
        req,
        access.Operation.START,
        lambda by: http.start_run(bootstrap.engine().asked_by(by), req.get_body(), key, encoding),
    )


@app.route(route="runs", methods=["GET"])
def list_runs(req: func.HttpRequest) -> func.HttpResponse:
    """List the latest runs."""
    asked = [req.params.get(name) for name in ("pipeline", "limit", "active", "after")]
    return _reply(req, access.Operation.LIST, lambda _: http.list_runs(bootstrap.engine(), *asked))


@app.route(route="runs/{run}", methods=["GET"])
def show_run(req: func.HttpRequest) -> func.HttpResponse:
    """Show a run."""
    return _reply(
        req,
        access.Operation.SHOW,
        lambda _: http.show_run(bootstrap.engine(), req.route_params["run"]),
    )


@app.route(route="runs/{run}/standing", methods=["GET"])
def show_standing(req: func.HttpRequest) -> func.HttpResponse:
    """Show how far a run is, and what failed."""
    asked = req.route_params["run"], req.params.get("failures")
    return _reply(
        req, access.Operation.LOOK, lambda _: looking.show_standing(bootstrap.engine(), *asked)
    )


@app.route(route="runs/{run}/logs", methods=["GET"])
def show_logs(req: func.HttpRequest) -> func.HttpResponse:
    """Show what the programs of a run printed."""
    asked = req.route_params["run"], req.params.get("unit"), req.params.get("generation")
    return _reply(
        req, access.Operation.LOGS, lambda _: looking.show_logs(bootstrap.engine(), *asked)
    )


@app.route(route="runs/{run}/cancel", methods=["POST"])
def cancel_run(req: func.HttpRequest) -> func.HttpResponse:
    """Cancel a run."""
    return _reply(
        req,
        access.Operation.CANCEL,
        lambda by: http.cancel_run(bootstrap.engine().asked_by(by), req.route_params["run"]),
    )


@app.route(route="runs/{run}/redrive", methods=["POST"])
def redrive_run(req: func.HttpRequest) -> func.HttpResponse:
    """Redrive a run: execute only what failed."""
    asked = req.route_params["run"], req.params.get("generation")
    return _reply(
        req,
        access.Operation.REDRIVE,
        lambda by: http.redrive_run(bootstrap.engine().asked_by(by), *asked),
    )


@app.route(route="runs/{run}/outputs", methods=["GET"])
def list_outputs(req: func.HttpRequest) -> func.HttpResponse:
    """List the files of a run's output."""
    asked = req.route_params["run"], req.params.get("skip"), req.params.get("limit")
    return _reply(
        req, access.Operation.DOWNLOAD, lambda _: files.outputs(bootstrap.engine(), *asked)
    )


@app.route(route="uploads", methods=["POST"])
def start_upload(req: func.HttpRequest) -> func.HttpResponse:
    """Say where to upload the input of a run."""
    encoding = req.headers.get("Content-Encoding")
    return _reply(
        req,
        access.Operation.UPLOAD,
        lambda by: files.upload(bootstrap.engine().asked_by(by), req.get_body(), encoding),
    )


def _reply(
    req: func.HttpRequest, operation: access.Operation, action: access.Action
) -> func.HttpResponse:
    # The host has checked the key, and reads it in the same order.
    key = req.headers.get("x-functions-key") or req.params.get("code", "")
    given = access.Credentials(req.headers.get("Authorization"), key)
    reply = access.serve(bootstrap.gate, operation, given, action)
    if reply.status < HTTPStatus.BAD_REQUEST:
        timers.look(bootstrap.engine())
    return func.HttpResponse(
        json.dumps(reply.body),
        status_code=reply.status,
        headers=dict(reply.headers),
        mimetype="application/json",
    )
