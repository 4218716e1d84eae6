"""Check the health of the portal in this container: `python -m portal.core.health` exits 0 or 1.

The check reads the URL prefix from STREAMLIT_SERVER_BASE_URL_PATH. It does not import Streamlit, because it
runs every few seconds.
"""

from __future__ import annotations

import os
import sys
import urllib.request

PORT = 8501


def path(prefix: str) -> str:
    """Return the path of the health check below a URL prefix: `/hdp/_stcore/health` for `hdp` or `/hdp/`."""
    return "/".join(["", *filter(None, prefix.split("/")), "_stcore", "health"])


def main() -> int:
    """Return 0 if the portal is healthy, else 1."""
    url_path = path(os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH", ""))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{PORT}{url_path}", timeout=4) as answer:
            return 0 if answer.read() == b"ok" else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
