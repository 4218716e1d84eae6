"""Colours that mean the same on every page; of Okabe and Ito's set, which colour-blind people can tell apart."""

BLUE, ORANGE, GREEN, VERMILLION, PURPLE, SKY, GREY = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#D55E00",
    "#CC79A7",
    "#56B4E9",
    "#6B7280",
)

GRID = "rgba(128, 144, 154, 0.3)"

SEQUENCE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILLION, GREY)

CLASSES = {
    "AMB": BLUE,
    "EMER": VERMILLION,
    "IMP": PURPLE,
    "ACUTE": PURPLE,
    "OBSENC": ORANGE,
    "VR": SKY,
    "HH": GREEN,
}

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

SEVERITY_COLOURS = {"block": VERMILLION, "error": ORANGE, "warning": PURPLE, "info": SKY}

OUTCOMES = {
    "fail": "✕ Failed",
    "error": "! Rule broke",
    "pass_with_failures": "✓ Passed, some rows fail",
    "pass": "✓ Passed",
    "not_applicable": "– Nothing to check",
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
