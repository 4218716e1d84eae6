"""SNS of the laptop cloud: no message leaves this machine, and a failing subscriber fails no publisher."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import urlsplit

from moto.sns.models import Subscription
from requests import RequestException

from infra.local.context import Context

log = logging.getLogger("laptop")

_HERE = {"127.0.0.1", "::1", "localhost"}


def install(_: Context) -> None:
    """Make moto deliver to HTTP endpoints of this machine only, and accept a message that none receives."""
    deliver = Subscription.publish

    def publish(subscription: Any, *message: Any, **more: Any) -> None:
        is_http = subscription.protocol in {"http", "https"}
        if is_http and urlsplit(subscription.endpoint).hostname not in _HERE:
            return
        try:
            deliver(subscription, *message, **more)
        except RequestException as error:  # SNS tries again later, and its publisher has no error
            log.warning("message not delivered: %s", type(error).__name__)

    Subscription.publish = publish
