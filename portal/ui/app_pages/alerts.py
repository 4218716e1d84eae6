"""Page Alerts: current alerts, schedule and subscribers."""

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
        st.caption("Alerts are available to analysts, clinicians and engineers.")
        return
    found = cache.alerts()
    if not found:
        st.success("All clear: no failed, late or missed runs; no release awaiting review.")
    for alert in found:
        banner.show(alert)


def starts() -> None:
    st.markdown("#### Schedule")
    present = schedule.get(session.context())
    if present.at is None:
        st.info(f"The schedule {present.expression} is not a daily time. Change it in Terraform.")
        return
    with st.container(border=True):
        days = "Monday to Friday" if present.weekdays_only else "Every day"
        st.markdown(
            f"**{days} at {present.at:%H:%M} UTC** with all new batches."
            if present.is_on
            else "**Off:** runs start by hand."
        )
        if not session.process_context().settings.starts_by_schedule:
            st.caption("On a laptop the schedule starts no runs. Start them on the page Runs.")
            return
        if due := present.next_due(datetime.now(UTC)):
            st.caption(f"Next run: {formats.when(due)}.")
        if not person.may("run_pipeline"):
            st.caption("Only engineers can change the schedule.")
            return
        with st.form("schedule"):
            left, middle, right = st.columns(3, vertical_alignment="bottom")
            at = left.time_input("At (UTC)", present.at, step=900)
            weekdays = middle.checkbox("Monday to Friday only", present.weekdays_only)
            is_on = right.checkbox("Enable schedule", present.is_on)
            if st.form_submit_button("Save", type="primary"):
                schedule.change(session.context(), is_on=is_on, at=at or time(2), weekdays_only=weekdays)
                cache.forget_schedule()
                st.rerun()


def state(subscription: schedule.Subscription) -> str:
    """Return the state of a subscription; a laptop cloud stores it and sends no mail."""
    if not session.process_context().settings.starts_by_schedule:
        return "Stored; a laptop sends no mail"
    return "Confirmed" if subscription.is_confirmed else "Awaiting confirmation"


def test_message(topics: dict[str, str]) -> None:
    with st.popover("Send a test message", icon=":material/send:"):
        topic = st.selectbox("To subscribers of", list(topics), format_func=lambda arn: topics[arn])
        if st.button("Send", type="primary"):
            schedule.send_test(session.context(), topic)
            st.success("Sent. It arrives within a minute.")


def unsubscribe(confirmed: dict[str, str]) -> None:
    with st.popover("Unsubscribe an address", icon=":material/unsubscribe:"):
        arn = st.selectbox("Subscription", list(confirmed), format_func=lambda arn: confirmed[arn])
        if st.button("Unsubscribe", type="primary"):
            schedule.unsubscribe(session.context(), arn)
            st.rerun()


def subscribers() -> None:
    st.markdown("#### Subscribers")
    topics = schedule.topics()
    if not topics:
        st.caption("This installation has no notification topics.")
        return
    found = schedule.subscriptions(session.context())
    if found:
        frame = pd.DataFrame(
            [
                {
                    "Event": topics[s.topic],
                    "E-mail address": s.endpoint,
                    "State": state(s),
                }
                for s in found
            ]
        )
        st.dataframe(frame, hide_index=True, width="stretch")
    else:
        st.caption("No subscribers yet.")
    if not person.may("query"):
        return
    confirmed = {s.arn: f"{s.endpoint}, {topics[s.topic].lower()}" for s in found if s.is_confirmed}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        test_message(topics)
        if confirmed:
            unsubscribe(confirmed)
    with st.form("subscribe", clear_on_submit=True):
        left, right = st.columns(2)
        topic = left.selectbox("Notify me about", list(topics), format_func=lambda arn: topics[arn])
        address = right.text_input("E-mail address", placeholder="name@hospital.org")
        if st.form_submit_button("Subscribe"):
            schedule.subscribe(session.context(), topic, address)
            st.rerun()
    st.caption(
        "You will get a confirmation e-mail. Messages contain counts and rule names, never patient data."
    )


for part in (now, starts, subscribers):
    session.guarded(part)
