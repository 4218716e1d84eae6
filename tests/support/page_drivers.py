"""Helpers for page tests: the directory of pages, and an empty lake."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import streamlit as st

import portal
from portal.core.context import Context
from portal.core.settings import Settings
from portal.ui import session

PAGES = Path(portal.__file__).parent / "ui" / "app_pages"


@pytest.fixture
def empty_lake(aws, lake_prefix, cloud, monkeypatch):
    """Yield the context of a lake that contains no data, and let the pages use it."""
    s3 = aws.client("s3")
    for zone in ("bronze", "quality", "gold", "results"):
        s3.create_bucket(Bucket=f"{lake_prefix}-{zone}")
    machine = os.environ["HDP_STATE_MACHINE_ARN"].replace("hdp-pipeline", f"{lake_prefix}-pipeline")
    aws.client("stepfunctions").create_state_machine(
        name=f"{lake_prefix}-pipeline",
        definition='{"StartAt": "End", "States": {"End": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::123456789012:role/hdp-states",
    )
    aws.client("scheduler").create_schedule(
        Name=f"{lake_prefix}-nightly",
        ScheduleExpression="cron(0 2 * * ? *)",
        FlexibleTimeWindow={"Mode": "OFF"},
        State="DISABLED",
        Target={"Arn": machine, "RoleArn": "arn:aws:iam::123456789012:role/hdp-scheduler"},
    )
    monkeypatch.setenv("HDP_PREFIX", lake_prefix)
    monkeypatch.setenv("HDP_BUCKETS", lake_prefix)
    monkeypatch.setenv("HDP_STATE_MACHINE_ARN", machine)
    monkeypatch.setenv("HDP_ROLE_CHOICE", "true")
    without_page_links(monkeypatch)
    forget_caches()
    yield Context(Settings.from_environment())
    forget_caches()


def without_page_links(monkeypatch):
    """Let a page that is opened alone draw no links to others: only app.py registers pages."""
    monkeypatch.setattr("streamlit.page_link", lambda *_, **__: None)
    monkeypatch.setattr("streamlit.delta_generator.DeltaGenerator.page_link", lambda *_, **__: None)


def forget_caches():
    session.process_context.clear()
    st.cache_data.clear()
