"""Exits 0 where the portal of this container answers its health check: `python -m portal.core.health`.

Streamlit's own variable says below which prefix a proxy puts it; the check is asked there too. It imports nothing of
Streamlit, for it runs every few seconds.
"""

from __future__ import annotations

import os
import sys
import urllib.request

PORT = 8501


def path(prefix: str) -> str:
    """Of `hdp` or `/hdp/`: `/hdp/_stcore/health`."""
    return "/".join(["", *filter(None, prefix.split("/")), "_stcore", "health"])


def main() -> int:
    where = path(os.environ.get("STREAMLIT_SERVER_BASE_URL_PATH", ""))
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{PORT}{where}", timeout=4) as answer:
            return 0 if answer.read() == b"ok" else 1
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main())
