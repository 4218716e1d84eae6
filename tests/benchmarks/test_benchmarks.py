"""Every benchmark runs at a tiny size, so that none is found broken on the day it is needed."""

import json

import pytest

from tests.benchmarks.__main__ import BEGIN, END, LARGE, SMALL, keep, show
from tests.benchmarks.figures import TINY, Figure


def _marked(name):
    """Mark a benchmark that only `make bench-scale` runs: it takes minutes even at a tiny size."""
    return name if name in SMALL else pytest.param(name, marks=pytest.mark.bench)


@pytest.mark.slow
@pytest.mark.parametrize("name", [_marked(name) for name in sorted({*SMALL, *LARGE})])
def test_a_benchmark_gives_each_figure_with_a_peer(name):
    figures = list((SMALL | LARGE)[name](TINY))
    assert figures
    assert all(figure.value > 0 and figure.peer_value > 0 and figure.peer for figure in figures)


def test_a_figure_is_kept_and_shown_and_replaced(tmp_path):
    readme, file = tmp_path / "README.md", tmp_path / "bench.json"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    for value in (3.0, 6.0):
        found = {"runs": [Figure("a run", value, "s", "a peer", 2.0).as_json()]}
        show(readme, keep(file, "usual", found))
    assert [f["ratio"] for f in json.loads(file.read_text())["usual"]["runs"]["figures"]] == [3.0]
    lines = readme.read_text().splitlines()
    assert "| a run | 6 s | a peer | 2 s | 3 |" in lines
    assert (lines[0], lines[-1], "old" in lines) == ("before", "after", False)
    assert len([line for line in lines if line.startswith("| a run")]) == 1
