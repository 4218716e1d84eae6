"""Cancel users' queries that run too long or that nobody waits for.

Athena goes on with a query that nobody waits for, and bills it. A page or command that waits asks for the
state of its query again and again; a query that nobody has asked for in `_ABANDONED_SECONDS` is stopped.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

MOST_SECONDS = 300
"""Maximum number of seconds that a user's query runs; most queries take a few seconds."""
_ABANDONED_SECONDS = 80
_SWEEP_SECONDS = 15
"""Seconds between two sweeps.

With `_ABANDONED_SECONDS`, a query is stopped less than two minutes after its page was closed.
"""

log = logging.getLogger(__name__)


@dataclass
class _Running:
    stop: Callable[[], object]
    started: float
    asked: float


@dataclass
class RunningQueries:
    """The queries that this process has started, with the time at which somebody last asked for each."""

    now: Callable[[], float] = time.monotonic
    _queries: dict[str, _Running] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sweeper: threading.Thread | None = None

    def add(self, query_id: str, stop: Callable[[], object]) -> None:
        """Remember a query that has started; `stop` cancels it."""
        with self._lock:
            self._queries[query_id] = _Running(stop, self.now(), self.now())
            if self._sweeper is None:
                self._sweeper = threading.Thread(target=self._sweep_forever, daemon=True, name="sql-sweeper")
                self._sweeper.start()

    def asked(self, query_id: str, *, is_over: bool) -> None:
        """Record that somebody waits for a query, or forget the query if it is over."""
        with self._lock:
            if is_over:
                self._queries.pop(query_id, None)
            elif query_id in self._queries:
                self._queries[query_id].asked = self.now()

    def sweep(self) -> None:
        """Stop queries that run too long or that nobody waits for; the next sweep repeats a failed stop."""
        with self._lock:
            due = {key: query for key, query in self._queries.items() if self._is_due(query)}
        for query_id, query in due.items():
            try:
                query.stop()
            except Exception:  # the sweeper must survive any fault of the network or of Athena
                log.exception("Could not cancel query %s", query_id)
                continue
            with self._lock:
                self._queries.pop(query_id, None)

    def _is_due(self, query: _Running) -> bool:
        now = self.now()
        return now - query.started > MOST_SECONDS or now - query.asked > _ABANDONED_SECONDS

    def _sweep_forever(self) -> None:
        while True:
            time.sleep(_SWEEP_SECONDS)
            self.sweep()


RUNNING = RunningQueries()
