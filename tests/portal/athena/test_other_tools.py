"""The Python of docs/other-tools.md reads the published release on the laptop cloud."""

from __future__ import annotations

import re
from pathlib import Path

import portal as portal_package
from pipeline.contracts.measures import measure
from portal.athena import sql_queries
from portal.core.auth import User
from portal.dashboards import catalog

DOCUMENT = Path(portal_package.__file__).parents[1] / "docs" / "other-tools.md"


def test_the_example_in_python_counts_the_encounters_of_the_published_release(portal, first_run, capsys):
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    found: dict = {}
    exec(code, found)
    ana = portal.on_behalf_of(User("ana", "analyst"))
    sql = catalog.measure_reference(measure("encounters"))
    expected = sql_queries.run(ana, sql).frame["encounters"].iloc[0]
    assert found["encounters"]["encounters"].sum() == expected > 0
    assert "encounter_class" in capsys.readouterr().out
