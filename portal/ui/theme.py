"""Colors with the same meaning on every page, distinguishable with deuteranopia and protanopia.

No color is in two of these sets: marks, severities and states, members of categories. The exception is
unknown sex, which has the color of values that were not recorded.
"""

MEASURE = "#0072B2"
"""Values of the selected release."""

PREVIOUS = "#8C564B"
"""Values of the previous release."""

REFERENCE = "#009E73"
"""Reference values: the reference range of a dose, a median, a threshold."""

BELOW, ABOVE = "#C3B5E3", "#7A5FBF"
"""Values below and above the reference range."""

NEUTRAL = "#8A939B"
"""Intervals, hatches, transitions, and values that were not recorded."""

SUPPRESSED = "#B8BEC4"
"""The group that pools suppressed counts."""

GRID = "rgba(128, 144, 154, 0.3)"
NO_CHANGE = "rgba(128, 144, 154, 0.15)"

SEQUENCE = ("#6688DD", "#EE3377", "#B8A200", "#00A6CA", "#AA4499", "#90C987", "#A0522D")
"""Colors of the members of a category, in order; Plotly uses them for members that have no color below."""

ROUTE_SEQUENCE = ("#2F4B7C", "#FFA600", "#CC8844", "#99DDFF", "#EEDD88", "#332288")
KIND_SEQUENCE = ("#882255", "#88CCEE")
"""Colors of routes, and of orders and dispenses: no color of a class has a second meaning on another page."""

CLASSES = dict(zip(("AMB", "EMER", "OBSENC", "VR", "IMP", "HH", "ACUTE"), SEQUENCE, strict=True))
ROUTES = dict(zip(("PO", "IV", "IM", "SC", "INH", "SL"), ROUTE_SEQUENCE, strict=True))
KINDS = dict(zip(("order", "dispense"), KIND_SEQUENCE, strict=True))
SEXES = {"M": "#00A6CA", "F": "#B8A200", "X": "#AA4499", "U": NEUTRAL}
MEMBERS = {**CLASSES, **ROUTES, **KINDS, **SEXES}

STATE_COLORS = {
    "NOT_STARTED": ("#eef1f3", "#3b4a54"),
    "STARTING": ("#fdf0cf", "#5a3e00"),
    "WAITING": ("#fdf0cf", "#5a3e00"),
    "RUNNING": ("#cfe6f5", "#003a5c"),
    "STOPPING": ("#fdf0cf", "#5a3e00"),
    "SUCCEEDED": ("#cdeee3", "#004d38"),
    "FAILED": ("#fbd9c8", "#6e2400"),
    "ERROR": ("#fbd9c8", "#6e2400"),
    "TIMEOUT": ("#fbd9c8", "#6e2400"),
    "TIMED_OUT": ("#fbd9c8", "#6e2400"),
    "STOPPED": ("#e6dbe4", "#4a2a43"),
    "ABORTED": ("#e6dbe4", "#4a2a43"),
    "EXPIRED": ("#fbd9c8", "#6e2400"),
}
"""Fill and text color of each state."""

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
"""Colors of states in bars and lines, with enough contrast on light and dark pages."""

SEVERITY_COLORS = {"block": "#8C2D04", "error": "#D55E00", "warning": "#F2A65A", "info": "#56B4E9"}
