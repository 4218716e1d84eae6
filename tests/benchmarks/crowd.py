"""Twenty people who filter a dashboard at the same time, over Streamlit's own WebSocket protocol."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from itertools import cycle, islice
from statistics import quantiles
from urllib.parse import urlencode

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

from tests.benchmarks import lake
from tests.benchmarks.figures import Figure, Size, cpu_seconds, tree
from tests.benchmarks.first_start import opened

PEOPLE, EVERY_SECONDS = 20, 5.0
_CLASSES = ("AMB", "EMER", "IMP", "OBSENC")
_ALLOWED_CPU_SECONDS = 0.15


def filtering(size: Size) -> Iterator[Figure]:
    """Compare each rerun of twenty people, who filter every five seconds, with that of one person."""
    people, every = (PEOPLE, EVERY_SECONDS) if size.first_sample else (2, 0.1)
    with lake.large(size, workers=None) as sample:
        sample.run()
        with opened(sample.cloud.state) as (port, process):
            alone = _reruns(port, 1, 4 * size.times, every)
            before = _spent(process.pid)
            together = _reruns(port, people, 4 * size.times, every)
            spent = (_spent(process.pid) - before) / (len(together) + people)  # each opens the page first
    name = f"rerun, {people} people filtering every {every:g} s"
    yield Figure(f"{name}, p95", _p95(together), "s", "one person", _p95(alone))
    yield Figure(f"{name}, CPU", spent, "s", "allowed", _ALLOWED_CPU_SECONDS)


def _reruns(port: int, people: int, times: int, every: float) -> list[float]:
    """Return the seconds of each rerun of so many people, who begin at even intervals."""
    took: list[float] = []

    def visit(number: int) -> None:
        time.sleep(every * number / people)
        with _visitor(port) as socket:
            _rerun(socket, "")
            for chosen in islice(cycle(_CLASSES), number, number + times):
                seconds = _rerun(socket, urlencode({"encounter_class": chosen}))
                took.append(seconds)
                time.sleep(max(0.0, every - seconds))

    visitors = [threading.Thread(target=visit, args=(number,)) for number in range(people)]
    for visitor in visitors:
        visitor.start()
    for visitor in visitors:
        visitor.join()
    if len(took) != people * times:
        sys.exit(f"Only {len(took)} of {people * times} reruns succeeded.")
    return took


def _visitor(port: int) -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{port}/_stcore/stream",
        origin=f"http://127.0.0.1:{port}",  # type: ignore[arg-type]
        subprotocols=["streamlit"],  # type: ignore[list-item]
        max_size=None,
        proxy=None,
    )


def _rerun(socket: ClientConnection, query: str) -> float:
    """Ask for the page of encounters with a query; return the seconds until its script has finished."""
    message = BackMsg()
    message.rerun_script.query_string = query
    message.rerun_script.page_name = "encounters"
    began = time.perf_counter()
    socket.send(message.SerializeToString())
    while True:
        answer = ForwardMsg.FromString(socket.recv(timeout=120))  # type: ignore[arg-type]
        if answer.WhichOneof("type") == "delta" and answer.delta.new_element.HasField("exception"):
            sys.exit(f"The page shows an error: {answer.delta.new_element.exception.type}")
        if answer.WhichOneof("type") == "script_finished":
            return time.perf_counter() - began


def _spent(pid: int) -> float:
    return sum(cpu_seconds(each) for each in tree(pid) if os.path.exists(f"/proc/{each}"))


def _p95(values: list[float]) -> float:
    return quantiles(values, n=20, method="inclusive")[-1]
