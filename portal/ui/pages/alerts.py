"""What needs somebody now, when the pipeline starts by itself, and who is told."""

from __future__ import annotations

from datetime import UTC, datetime, time

import pandas as pd
import streamlit as st

from portal.runs import schedule
from portal.ui import banner, cache, formats, session

st.title("Alerts and schedule")
person = session.user()


def now() -> None:
    st.markdown("#### Now")
    if not person.may("watch_runs"):
        st.caption("Those who may watch runs see here what needs somebody.")
        return
    found = cache.alerts()
    if not found:
        st.success(
            "Nothing needs anybody: the newest run did not fail, none is late, none that was due is missing, no release waits."
        )
    for alert in found:
        banner.show(alert)


def starts() -> None:
    st.markdown("#### Schedule")
    present = schedule.get(session.aws())
    if present.at is None:
        st.info(f"The schedule is {present.expression}, which is changed in Terraform: it is no time of day.")
        return
    with st.container(border=True):
        days = "Monday to Friday" if present.weekdays_only else "Every day"
        st.markdown(
            f"**{days} at {present.at:%H:%M} UTC** on every batch that is new." if present.is_on else "**Off:** runs start by hand."
        )  # fmt: skip
        if due := present.next_due(datetime.now(UTC)):
            st.caption(f"The next one: {formats.when(due)}.")
        if not person.may("run_pipeline"):
            st.caption("Engineers change it.")
            return
        with st.form("schedule"):
            left, middle, right = st.columns(3, vertical_alignment="bottom")
            at = left.time_input("At (UTC)", present.at, step=900)
            weekdays = middle.checkbox("Monday to Friday only", present.weekdays_only)
            is_on = right.checkbox("Start runs by itself", present.is_on)
            if st.form_submit_button("Save", type="primary"):
                schedule.change(session.aws(), is_on=is_on, at=at or time(2), weekdays_only=weekdays)
                cache.forget_schedule()
                st.rerun()
        st.caption("The next run of Terraform keeps what is set here. On a laptop nothing starts by itself.")


def told() -> None:
    st.markdown("#### Who is told")
    topics = schedule.topics()
    if not topics:
        st.caption("This installation names no topic.")
        return
    found = schedule.subscriptions(session.aws())
    if found:
        frame = pd.DataFrame(
            [
                {"Told of": topics[s.topic], "Address": s.endpoint, "State": "Confirmed" if s.is_confirmed else "Waits for the mail's link"}
                for s in found
            ]
        )  # fmt: skip
        st.dataframe(frame, hide_index=True, width="stretch")
    else:
        st.caption("Nobody is told by e-mail yet.")
    if not person.may("query"):
        return
    with st.form("subscribe", clear_on_submit=True):
        left, right = st.columns(2)
        topic = left.selectbox("Tell me when", list(topics), format_func=lambda arn: topics[arn])
        address = right.text_input("E-mail address", placeholder="name@hospital.org")
        if st.form_submit_button("Subscribe"):
            schedule.subscribe(session.aws(), topic, address)
            st.rerun()
    st.caption(
        "SNS sends a mail with a link first. Messages hold counts and names of rules, never a patient's data."
    )


for part in (now, starts, told):
    session.guarded(part)
