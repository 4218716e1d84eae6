"""The quality page in AppTest: what is pressed, chosen and read on it, and queries behind it."""

from __future__ import annotations

from pathlib import Path

import portal
from portal.core import pseudonyms
from portal.releases import service as releases
from portal.releases import signatures
from portal.reviews import commands as reviews
from portal.reviews import read_model, sign_off
from portal.ui import cache, drafts, session

PAGE = str(Path(portal.__file__).parent / "ui" / "app_pages" / "quality.py")


def forget():
    """Make the next page read anew what this process has kept."""
    session.process_context.clear()
    for cached in (
        cache.run,
        cache.recent_runs,
        cache.published,
        cache.history,
        cache.alerts,
        drafts.all_drafts,
    ):
        cached.clear()


def state_of(aws, query_id):
    return next(q.state for q in read_model.all_queries(read_model.log(aws)) if q.query_id == query_id)


def press(app, label):
    next(button for button in app.button if button.label == label).click().run()
    assert not app.exception
    return app


def press_key(app, key):
    app.button(key=key).click().run()
    assert not app.exception
    return app


def said(app):
    kinds = (app.markdown, app.caption, app.success, app.info, app.warning, app.error)
    return "\n".join(str(each.value) for kind in kinds for each in kind)


def shown_table(app, column):
    return next(each.value for each in app.dataframe if column in each.value.columns)


def label_of(portal, key):
    [label] = pseudonyms.labels(portal, "patients", [key])
    return label


def choose_rows(app, portal, run, numbers):
    """As clicks in the table of failing rows of PAT-C01 do."""
    version = signatures.version(portal, run.run_id)
    key = f"rows-{run.run_id}-{version}-patients-PAT-C01"
    app.session_state[key] = {"selection": {"rows": numbers, "columns": [], "cells": []}}
    app.run()
    assert not app.exception


def decide_all(aws, run_id, *kept):
    """Dismiss what bars an approval, and close every query but those `kept`."""
    for query in read_model.of_run(aws, run_id).open_queries:
        if query.query_id not in kept:
            reviews.close(aws, query.query_id, "other", "For the test.")
    for finding in sign_off.outstanding(
        aws, read_model.of_run(aws, run_id), releases.get(aws, run_id)
    ).barring:
        reviews.dismiss(aws, run_id, *finding.key, "For the test.")
