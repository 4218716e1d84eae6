"""The report on a release as PDF, set by Typst from the same content as the HTML."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import import_module
from importlib.resources import files
from typing import Any

_WIDTHS = {
    "findings": (10, 10, 22, 9, 9, 8, 14, 6, 8, 12),
    "decisions": (12, 10, 10, 10, 9, 14, 30),
    "queries": (9, 9, 9, 8, 11, 9, 14, 40),
}


def pdf(content: Mapping[str, Any]) -> bytes:
    """Return the report as PDF; `content` is that of `report.content`."""
    typst = import_module("typst")  # 20 MB of machine code that only this function needs
    source = (files("portal.quality") / "report.typ").read_bytes()
    compiled: bytes = typst.compile(source, sys_inputs={"data": json.dumps(document(content))})
    return compiled


def document(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return the content of the report as the JSON document that the Typst template reads."""
    release, review = content["release"], content["review"]
    rows = sum(release.tables.values())
    integrity = [f"Audit trail integrity check failed. {problem}" for problem in review.problems]
    return {
        "title": f"Data quality of release {release.release_id}",
        "printed": f"Printed {content['printed']}",
        "lead": content["headline"].title,
        "details": content["headline"].details,
        "facts": [
            *integrity,
            f"Created {release.created_at} from {len(release.batch_ids)} batches, {rows:,} rows in gold. "
            f"It {content['decision']}.",
            f"{len(content['rules'])} rules: {content['summary']}. A rule error is not a pass.",
        ],
        "signature": _signature(content),
        "finding_head": content["finding_head"],
        "first": content["first"],
        "rest": content["rest"],
        "annex": [
            _part("Findings", content["rule_head"], content["findings"], "findings"),
            _part("Decisions on findings, and unmasked rows", content["decision_head"], content["decisions"]),
            _part("Queries", content["query_head"], content["queries"], "queries"),
            _part("All rules", content["rule_head"], content["rules"], "findings"),
        ],
    }


def _part(title: str, head: Any, rows: Any, widths: str = "decisions") -> dict[str, Any]:
    texts = [[str(cell).replace("<br>", "; ") for cell in row] for row in rows]
    return {"title": title, "head": head, "rows": texts, "widths": _WIDTHS[widths]}


def _signature(content: Mapping[str, Any]) -> list[str]:
    signature = content["review"].signature
    if signature is None:
        return ["Not signed.", "Name: ______________________  Role: ____________  Date: ____________"]
    lines = [
        signature.meaning,
        signature.comment,
        f"Signed by {signature.by} ({signature.role}), {content['timestamp'](signature.at)}, "
        f"event {signature.event} of the log.",
    ]
    return lines if signature.is_valid else [*lines, f"No longer valid. {signature.invalid_reason}"]
