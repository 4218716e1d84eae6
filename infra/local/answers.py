"""Error answers in the format of the requested AWS service."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape

_XML = {"s3", "sts", "iam", "sns"}


def refuse(
    environ: dict[str, Any], start_response: Any, code: str, message: str, status: str = "403 Forbidden"
) -> list[bytes]:
    """Answer with an error in the format of the service; close the connection: the body may be unread."""
    service = environ.get("HTTP_AUTHORIZATION", "").partition("/aws4_request")[0].rpartition("/")[2]
    request = secrets.token_hex(8)
    headers = [("Connection", "close"), ("x-amzn-errortype", code), ("x-amzn-requestid", request)]
    if service in _XML or not service:
        detail = f"<Code>{code}</Code><Message>{escape(message)}</Message>"
        body = f"<ErrorResponse><Error>{detail}</Error><RequestId>{request}</RequestId></ErrorResponse>"
        return answer(start_response, status, "application/xml", body, headers)
    document = json.dumps({"__type": code, "message": message})
    return answer(start_response, status, "application/json", document, headers)


def answer(
    start_response: Any, status: str, kind: str, text: str, headers: Iterable[tuple[str, str]] = ()
) -> list[bytes]:
    body = text.encode()
    start_response(status, [("Content-Type", kind), ("Content-Length", str(len(body))), *headers])
    return [body]
