"""Labels of states, severities, outcomes and changes, shared by pages, the report and the command line."""

from __future__ import annotations

STATES = {
    "NOT_STARTED": "Not started",
    "STARTING": "Starting",
    "WAITING": "Waiting",
    "RUNNING": "Running",
    "STOPPING": "Stopping",
    "SUCCEEDED": "Succeeded",
    "FAILED": "Failed",
    "ERROR": "Failed",
    "TIMEOUT": "Timed out",
    "TIMED_OUT": "Timed out",
    "STOPPED": "Stopped",
    "ABORTED": "Stopped",
    "EXPIRED": "Expired",
}
"""Labels of the states of runs (Step Functions) and of job runs (Glue)."""

STATE_SYMBOLS = {
    "SUCCEEDED": "✓",
    "FAILED": "✕",
    "ERROR": "✕",
    "TIMEOUT": "✕",
    "TIMED_OUT": "✕",
    "RUNNING": "▶",
    "STARTING": "…",
    "STOPPED": "■",
    "ABORTED": "■",
}
"""Symbols beside the color of a state, because color must not be the only signal."""

BATCH_STATES = {"new": "New", "loaded": "Loaded", "retired": "Retired"}

QUERY_STATES = {"open": "○ Open", "answered": "◐ Answered", "closed": "● Closed"}
"""States of a query, the most urgent first."""

SEVERITIES = {
    "block": "■ Blocks the release",
    "error": "▲ Error",
    "warning": "● Warning",
    "info": "○ For information",
}
"""Severities of a rule, the highest first."""

HARMS = {
    "patient_safety": "Patient safety",
    "privacy": "Privacy",
    "attribution": "Attribution",
    "statistics": "Statistics",
    "format": "Format",
}
"""Harm classes of rules, the worst first: a wrong dose, a wrong patient, a wrong figure, a wrong format."""

OUTCOMES = {
    "fail": "✕ Failed",
    "error": "! Rule error",
    "pass_with_failures": "✓ Passed, within threshold",
    "pass": "✓ Passed",
    "not_applicable": "– Not applicable",
}
"""Outcomes of a rule, the worst first."""

DECISIONS = {
    "publish": "passed the audit",
    "publish_with_warnings": "passed the audit with warnings",
    "hold": "was held by the audit for review",
}
"""Decisions of the audit about a release, as the end of a sentence."""

CHANGES = {
    "new": "★ New",
    "worse": "↑ Worse",
    "still there": "= Still there",
    "better": "↓ Better",
    "resolved": "✓ Resolved",
    "stable": "– Stable",
}
"""Changes of a rule result since the previous run."""


def state_label(state: str) -> str:
    """Return the label of a state with its symbol: "✓ Succeeded"."""
    return f"{STATE_SYMBOLS.get(state, '')} {STATES.get(state, state.title())}".strip()


def without_symbol(label: str) -> str:
    """Return a label without its symbol, for printed reports and sentences."""
    return label.partition(" ")[2]
