"""Notify the person to whom a query was assigned, through the Lambda that publishes to SNS."""

from __future__ import annotations

import json
import logging

from pipeline.reviews.events import Event
from portal.core.context import Context
from portal.core.rights import requires

log = logging.getLogger("portal")


@requires("query")
def notify_assignee(context: Context, event: Event) -> bool:
    """Notify the assignee of a query; return whether the message was sent.

    The message names query, rule and run, and no text that a reviewer wrote, because e-mail is not
    protected. Errors are logged and not raised: the assignment is recorded, and the list of queries shows it.
    """
    assignee = str(event.payload.get("assignee") or "")
    if event.kind not in {"query_opened", "query_assigned"} or not assignee:
        return False
    query = {
        **event.subject,
        "assignee": assignee,
        "by": event.by,
        "due": str(event.payload.get("due") or ""),
    }
    try:
        answer = context.client("lambda").invoke(
            FunctionName=context.lake.function("sns_notify_success"),
            Payload=json.dumps({"query": query}).encode(),
        )
    except Exception as error:  # the assignment is recorded
        log.error("assignee not notified: %s", type(error).__name__)  # noqa: TRY400  (may quote values)
        return False
    return not answer.get("FunctionError")
