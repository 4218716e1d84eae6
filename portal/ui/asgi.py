"""ASGI app of the portal (`streamlit run portal/ui/asgi.py`): Streamlit's with sign-out and streamed uploads.

Without a sign-in service, as on a laptop, it rejects foreign web pages: Streamlit checks neither the Host of
a request nor WebSockets without an Origin, so a web page whose domain is rebound to 127.0.0.1 (DNS rebinding)
could read patient data. Behind a load balancer the Host is another one, and each request carries a token.

`HDP_STOP_WITH` is the file descriptor of a pipe from the process that started the portal; the portal ends
with that process.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware
from starlette.routing import Route
from streamlit.starlette import App

from portal.ui.uploads import StreamedUploads

_OWN_SITES = {"same-origin", "none"}


class OwnPages:
    """ASGI middleware: reject requests with a foreign Host, Origin or site, and WebSockets without Origin."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" or is_own(scope["type"], scope["server"][1], _headers(scope)):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            kind = [(b"content-type", b"text/plain")]
            await send({"type": "http.response.start", "status": 403, "headers": kind})
            body = b"Requests from other web pages are rejected. Open the portal at 127.0.0.1 or localhost."
            await send({"type": "http.response.body", "body": body})


def is_own(kind: str, port: int, headers: dict[str, str]) -> bool:
    """Return whether a request comes from the portal's pages, the address bar, a link or no browser at all.

    Its Host must be 127.0.0.1 or localhost with `port`, and a WebSocket needs an Origin. Programs other than
    browsers send neither an Origin nor fetch metadata.
    """
    host = headers.get("host", "")
    if host not in {f"127.0.0.1:{port}", f"localhost:{port}"}:
        return False
    if "origin" in headers or kind == "websocket":
        return headers.get("origin") == f"http://{host}"
    is_opened = (headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")) == ("navigate", "document")
    return is_opened or headers.get("sec-fetch-site", "none") in _OWN_SITES


def _headers(scope: Any) -> dict[str, str]:
    """Return the headers by lower-case name. Repeated headers are joined, so that they fail every check."""
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        found[key] = f"{found[key]}, {value.decode('latin-1')}" if key in found else value.decode("latin-1")
    return found


def _stop_with_parent(pipe: int) -> None:
    """End this process when its parent process has ended and thereby closed the other end of `pipe`."""
    os.read(pipe, 1)
    os._exit(0)


if parent := os.environ.pop("HDP_STOP_WITH", ""):
    threading.Thread(target=_stop_with_parent, args=(int(parent),), daemon=True).start()


def _sign_out() -> list[Route]:
    """Return the route to sign out. Its module creates caches, which warns before Streamlit has started."""
    from portal.ui import sign_out  # noqa: PLC0415

    return [Route(sign_out.path(), sign_out.respond)]


has_sign_in = bool(os.environ.get("HDP_SIGN_IN_ISSUER"))
app = App(
    Path(__file__).with_name("app.py"),
    routes=_sign_out() if has_sign_in else [],
    middleware=[*([] if has_sign_in else [Middleware(OwnPages)]), Middleware(StreamedUploads)],
)
