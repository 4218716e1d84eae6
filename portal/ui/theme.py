"""Colours that mean the same on every page, and that colour-blind people can tell apart where they meet.

Three sets that share no colour: what a mark stands for, how bad something is, and the members of a category.
The test of this module holds them apart as people with deuteranopia and protanopia see them.
"""

MEASURE = "#0072B2"
"""What was counted in the release that is shown."""

PREVIOUS = "#8C564B"
"""The same of the previous release."""

USUAL = "#009E73"
"""What is usual or accepted: a dose's range, a median, a limit."""

BELOW, ABOVE = "#C3B5E3", "#7A5FBF"
"""Outside of the usual."""

NEUTRAL = "#8A939B"
"""What is no finding: an interval, a value that was not recorded."""

SUPPRESSED = "#B8BEC4"
"""Small counts that are pooled, and months that are hatched because of them."""

GRID = "rgba(128, 144, 154, 0.3)"
NO_CHANGE = "rgba(128, 144, 154, 0.15)"

SEQUENCE = ("#6688DD", "#EE3377", "#B8A200", "#00A6CA", "#AA4499", "#90C987", "#A0522D")
"""The members of a category, where they have no colour of their own below."""

CLASSES = dict(zip(("AMB", "EMER", "OBSENC", "VR", "IMP", "HH", "ACUTE"), SEQUENCE, strict=True))
ROUTES = dict(zip(("PO", "IV", "IM", "SC", "INH", "SL"), SEQUENCE, strict=False))
SEXES = {"M": "#00A6CA", "F": "#B8A200", "X": "#AA4499", "U": NEUTRAL}
MEMBERS = {**CLASSES, **ROUTES, **SEXES}

STATES = {
    "NOT_STARTED": ("Not started", "#eef1f3", "#3b4a54"),
    "STARTING": ("Starting", "#fdf0cf", "#5a3e00"),
    "WAITING": ("Waiting", "#fdf0cf", "#5a3e00"),
    "RUNNING": ("Running", "#cfe6f5", "#003a5c"),
    "STOPPING": ("Stopping", "#fdf0cf", "#5a3e00"),
    "SUCCEEDED": ("Succeeded", "#cdeee3", "#004d38"),
    "FAILED": ("Failed", "#fbd9c8", "#6e2400"),
    "ERROR": ("Failed", "#fbd9c8", "#6e2400"),
    "TIMEOUT": ("Timed out", "#fbd9c8", "#6e2400"),
    "TIMED_OUT": ("Timed out", "#fbd9c8", "#6e2400"),
    "STOPPED": ("Stopped", "#e6dbe4", "#4a2a43"),
    "ABORTED": ("Stopped", "#e6dbe4", "#4a2a43"),
    "EXPIRED": ("Expired", "#fbd9c8", "#6e2400"),
}
"""State to its words, fill and text colour."""

FAILED_MARK, _WAITING, _STOPPED = "#C8553D", "#C99A2E", "#94708A"
STRONG = {
    "SUCCEEDED": "#3B9E7F",
    "RUNNING": "#4A90D9",
    "FAILED": FAILED_MARK,
    "TIMEOUT": FAILED_MARK,
    "EXPIRED": FAILED_MARK,
    "STOPPED": _STOPPED,
    "STARTING": _WAITING,
    "WAITING": _WAITING,
    "STOPPING": _WAITING,
}
"""The same states where a bar or a line stands for them: strong enough for a light and a dark page."""

MARKS = {
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
"""A sign beside the colour: colour is never the only signal."""


def words(state: str) -> str:
    """A state as people read it, its sign before it."""
    mark = MARKS.get(state, "")
    return f"{mark} {STATES.get(state, (state.title(), '', ''))[0]}".strip()


SEVERITIES = ("block", "error", "warning", "info")

SEVERITY_WORDS = {
    "block": "■ Blocks the release",
    "error": "▲ Error",
    "warning": "● Warning",
    "info": "○ For information",
}

SEVERITY_COLOURS = {"block": "#8C2D04", "error": "#D55E00", "warning": "#F2A65A", "info": "#56B4E9"}

OUTCOMES = {
    "fail": "✕ Failed",
    "error": "! Rule error",
    "pass_with_failures": "✓ Passed, within threshold",
    "pass": "✓ Passed",
    "not_applicable": "– Not applicable",
}
"""A rule's outcome in words, the worst first."""

CHANGES = {
    "new": "★ New",
    "worse": "↑ Worse",
    "still there": "= Still there",
    "better": "↓ Better",
    "resolved": "✓ Resolved",
    "stable": "– Stable",
}
