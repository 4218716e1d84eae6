"""What the quality rules found, in clinical language."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pipeline.contracts import all_contracts
from portal.components import state
from portal.services import quality
from portal.services.aws import ServiceError

OUTCOMES = {
    "pass": "✓ Passed",
    "pass_with_failures": "✓ Passed, some rows fail",
    "fail": "✕ Failed",
    "error": "! Rule could not be computed",
    "not_applicable": "– Nothing to check",
}
ORDER = ["block", "error", "warning", "info"]

st.title("Quality")
person = state.user()


@st.cache_data(ttl=600, max_entries=50, show_spinner=False)
def results(run_id: str) -> pd.DataFrame:
    return quality.results(state.aws(), run_id)


@st.cache_resource
def rules() -> dict[tuple[str, str], object]:
    return {(contract.table, rule.id): rule for contract in all_contracts() for rule in contract.rules}


def pick_run() -> str | None:
    found = [run.run_id for run in state.recent_runs() if run.status == "SUCCEEDED"]
    if not found:
        st.info("No run has ended yet: there is nothing to review.")
        return None
    named = st.query_params.get("run")
    return str(st.selectbox("Run", found, index=found.index(named) if named in found else 0))


def scorecard(frame: pd.DataFrame) -> None:
    counted = frame.assign(outcome=frame["status"].map(OUTCOMES))
    table = counted.pivot_table(
        index="table_name", columns="outcome", values="rule_id", aggfunc="count", fill_value=0
    )
    table = table.reindex(columns=[o for o in OUTCOMES.values() if o in table.columns]).reset_index()
    st.dataframe(
        table.rename(columns={"table_name": "Table"}), hide_index=True, width="stretch", height="content"
    )


def findings(frame: pd.DataFrame) -> None:
    known = rules()
    shown = st.segmented_control("Show", ["Findings", "All rules"], default="Findings")
    kept = (
        frame
        if shown == "All rules"
        else frame[frame["status"].isin(["fail", "error", "pass_with_failures"])]
    )
    if kept.empty:
        st.success("Every rule passed.")
        return
    kept = kept.assign(rank=kept["severity"].map(ORDER.index)).sort_values(["rank", "table_name", "rule_id"])
    for row in kept.to_dict("records"):
        rule = known.get((row["table_name"], row["rule_id"]))
        title = f"{OUTCOMES[row['status']]} · {row['rule_id']} · {row['table_name']} · {getattr(rule, 'description', '')}"
        with st.expander(title):
            share = f"{row['failed'] / row['checked']:.2%}" if row["checked"] else "–"
            if row["failed"] and share == "0.00%":
                share = "under 0.01%"
            limit = "none" if row["threshold"] == 0 else f"{row['threshold']:.1%}"
            st.markdown(
                f"**{row['failed']:,} of {row['checked']:,} rows** ({share}); accepted: {limit}. Severity: {row['severity']}."
            )
            if rule is not None:
                st.markdown(f"**Why it matters.** {rule.rationale}")  # type: ignore[attr-defined]
                st.markdown(f"**Usual cause.** {rule.cause}")  # type: ignore[attr-defined]
            keys = row["sample_keys"]
            if isinstance(keys, str) and len(keys) > 2:
                if person.may("see_phi"):
                    st.code(keys.strip("[]"), wrap_lines=True)
                else:
                    st.caption("The failing rows' identifiers are shown to clinicians.")


try:
    chosen = pick_run()
    if chosen:
        found = results(chosen)
        audit = quality.audit(state.aws(), chosen)
        if audit:
            say = {"publish": st.success, "publish_with_warnings": st.warning, "hold": st.error}[
                audit.decision
            ]
            words = {
                "publish": "passed the audit",
                "publish_with_warnings": "was published with warnings",
                "hold": "is held until a clinician has reviewed it",
            }
            say(f"The release of {chosen} {words[audit.decision]}.")
        scorecard(found)
        findings(found)
except ServiceError as error:
    state.show_error(error)
