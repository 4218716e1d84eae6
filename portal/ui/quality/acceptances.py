"""Table of acceptances that expire soon."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from portal.quality import rule_texts
from portal.reviews import commands as reviews
from portal.reviews import expiring
from portal.reviews.read_model import Review


def draw(review: Review) -> None:
    """Draw the acceptances that expire within a month or expired lately; nothing without any."""
    listed = expiring.soon(review.accepted, datetime.now(UTC).date())
    if not listed:
        return
    st.markdown("#### Acceptances that expire soon")
    rules = rule_texts.rules()
    rows = []
    for each in listed:
        accepted = each.acceptance
        rule = rules.get((accepted.table_name, accepted.rule_id))
        rows.append(
            {
                "Rule": rule.description if rule else accepted.rule_id,
                "Expires": f"{accepted.until} ({each.text})",
                "Accepted by": accepted.by,
                "Reason": reviews.REASONS.get(accepted.reason, accepted.reason),
                "Rate when accepted": rule_texts.rate_text(accepted.rate, accepted.unit),
                "Id": f"{accepted.rule_id} of {accepted.table_name}",
            }
        )
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content")
    st.caption("After the last day, the finding counts again. Accept it again if it is still tolerable.")
