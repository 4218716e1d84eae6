"""Call Lambdas of the laptop cloud, with changed environment variables or a fake server."""

from __future__ import annotations

import http.server
import json
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from pipeline.lateness import Schedule

ROLE = "arn:aws:iam::123456789012:role/hdp-states"


def call(portal, function, **event):
    """Return the function's response or error."""
    name, payload = portal.lake.function(function), json.dumps(event).encode()
    answer = portal.client("lambda").invoke(FunctionName=name, Payload=payload)
    return json.loads(answer["Payload"].read())


@contextmanager
def configured(portal, function, **variables):
    """Change environment variables of the function within the block."""
    name, client = portal.lake.function(function), portal.client("lambda")
    before = client.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    client.update_function_configuration(
        FunctionName=name, Environment={"Variables": {**before, **variables}}
    )
    yield
    client.update_function_configuration(FunctionName=name, Environment={"Variables": before})


def idle_machine(portal):
    """Return the ARN of a state machine without executions."""
    machine = portal.client("stepfunctions").create_state_machine(
        name="idle", definition='{"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}', roleArn=ROLE
    )
    return machine["stateMachineArn"]


@contextmanager
def never_started(portal, hours):
    """Let watch_schedule see a schedule that was due `hours` ago and a state machine without executions.

    A fake scheduler returns a schedule that was last changed long ago. Yields that schedule.
    """
    due = datetime.now(UTC) - timedelta(hours=hours)
    response = {
        "State": "ENABLED",
        "ScheduleExpression": f"cron({due.minute} {due.hour} * * ? *)",
        "LastModificationDate": 0,
    }
    with (
        answering(json.dumps(response).encode()) as scheduler,
        configured(
            portal,
            "watch_schedule",
            HDP_STATE_MACHINE_ARN=idle_machine(portal),
            AWS_ENDPOINT_URL_SCHEDULER=scheduler,
        ),
    ):
        yield Schedule.read({**response, "LastModificationDate": datetime.fromtimestamp(0, UTC)})


@contextmanager
def answering(body):
    """Yield the URL of a server that returns `body`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/keys"
    server.shutdown()
