"""Encounter classes of the generator (HL7 v3 ActCode), and their positions in arrays by class."""

from __future__ import annotations

CLASSES = ("AMB", "EMER", "IMP", "OBSENC", "VR")
AMB, EMER, IMP, OBSENC, VR = range(len(CLASSES))
