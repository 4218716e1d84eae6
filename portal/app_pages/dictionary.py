"""The data dictionary, from the contracts."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pipeline.contracts import all_contracts
from pipeline.contracts.dictionary import entries

st.title("Dictionary")
PHI = {
    "direct_identifier": "Direct identifier",
    "phi": "Protected health information",
    "limited": "Limited data set",
    "none": "None",
}

frame = pd.DataFrame([vars(entry) for entry in entries()])
grains = {f"{c.zone}.{c.table}": c.grain for c in all_contracts()}
frame["where"] = frame["zone"] + "." + frame["table"]
left, right = st.columns([1, 2])
where = left.selectbox("Table", list(grains), index=list(grains).index("gold.fact_encounter"))
wanted = right.text_input("Find a column or a meaning", placeholder="for example: readmission")
if wanted:
    hit = frame["column"].str.contains(wanted, case=False, regex=False) | frame["meaning"].str.contains(
        wanted, case=False, regex=False
    )
    shown = frame[hit]
    st.caption(f"{len(shown):,} columns in all tables")
else:
    shown = frame[frame["where"] == where]
    st.caption(grains[str(where)])
if shown.empty:
    st.info("Nothing has that word. Try a shorter one.")
else:
    st.dataframe(
        shown.assign(phi=shown["phi"].map(PHI))[
            ["where", "column", "type", "meaning", "phi", "is_key", "is_required"]
        ],
        hide_index=True,
        width="stretch",
        column_config={
            "where": "Table",
            "column": "Column",
            "type": "Type",
            "meaning": st.column_config.TextColumn("Meaning", width="large"),
            "phi": "Privacy",
            "is_key": "Key",
            "is_required": "Required",
        },
    )
