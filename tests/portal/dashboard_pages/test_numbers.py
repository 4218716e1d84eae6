"""Each number of a dashboard page is what DuckDB finds in the files of the release that its address names.

The SQL here is written by hand from the contracts, not made by the code that it tests.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date

import pytest

from pipeline.releases import model as release_model
from portal.core.auth import User
from portal.dashboards import shared_notes
from portal.privacy.suppression import MINIMUM_CELL_SIZE
from portal.releases import service as releases
from portal.ui import cache, names
from tests.support.chart_truth import ADMITTED, CHARTS, GIVEN, GIVEN_OR_ORDERED, HEADLINES, ORDERED
from tests.support.dashboard_pages import CHARTS_BY_KEY, PAGE_OF, figures, metrics
from tests.support.figure_checks import CHECKS
from tests.support.links import PICTURE, assert_unlinked

FILTERS = {
    "encounters": {
        "everything": ({}, "true"),
        "a period and a list": (
            {"from": "2025-01-10", "to": "2025-03-10", "class": ["AMB", "EMER", "IMP"]},
            f"{ADMITTED} >= '2025-01-10' AND {ADMITTED} < '2025-03-11' AND encounter_class IN ('AMB', "
            "'EMER', 'IMP')",
        ),
        "clicks and joins": (
            {"weekday": ["1", "2", "3", "5"], "days": ["0", "1"], "payer": ["Medicare", "Medicaid", "Aetna"]},
            f"""isodow({ADMITTED}) IN (1, 2, 3, 5) AND length_of_stay_days IN (0, 1)
            AND payer IN ('Medicare', 'Medicaid', 'Aetna')""",
        ),
    },
    "medications": {
        "everything": ({}, "true"),
        "a period and a list": (
            {"from": "2025-01-20", "to": "2025-03-20", "route": ["IV", "PO"]},
            f"""{GIVEN_OR_ORDERED} >= '2025-01-20'
            AND {GIVEN_OR_ORDERED} < '2025-03-21' AND f.route IN ('IV', 'PO')""",
        ),
        "clicks and joins": (
            {
                "hour": [str(n) for n in range(6, 20)],
                "wait": ["0", "10", "20"],
                "therapeutic": ["Analgesic", "Antibacterial", "Antiemetic"],
            },
            f"""hour({GIVEN}) BETWEEN 6 AND 19 AND minutes_from_order >= 0 AND minutes_from_order < 30
            AND therapeutic_class IN ('Analgesic', 'Antibacterial', 'Antiemetic')""",
        ),
    },
    "orders": {
        "everything": ({}, "true"),
        "a period and a list": (
            {"from": "2025-01-20", "to": "2025-03-20", "kind": ["order"], "route": ["IV", "PO"]},
            f"""{ORDERED} >= '2025-01-20' AND {ORDERED} < '2025-03-21' AND event_kind = 'order'
            AND f.route IN ('IV', 'PO')""",
        ),
    },
    "patients": {
        "everything": ({}, "true"),
        "a list and a click": (
            {"sex": ["F"], "age_band": ["40-44", "45-49", "50-54", "55-59", "60-64"]},
            "sex = 'F' AND age_band IN ('40-44', '45-49', '50-54', '55-59', '60-64')",
        ),
    },
}
BESIDE = {"a period and a list", "a list and a click"}
"""Filters with which the previous release is looked at too."""


def told(page, row):
    """The headline numbers as the page words them; those that Athena approximates are numbers."""
    if page == "patients":
        return dict(
            zip(
                ("Patients", "Deceased patients", "Patients with changed records"),
                [f"{n:,}" for n in row],
                strict=True,
            )
        )
    if page == "medications":
        names = ("Administrations", "Patients", "Medications")
        share = "–" if row[3] is None else f"{row[3]:.1%}"
        return {**{name: f"{n:,}" for name, n in zip(names, row, strict=False)}, "Doses not given": share}
    if page == "orders":
        names = ("Orders and dispenses", "Orders", "Dispenses", "Patients", "Medications")
        return {name: f"{n:,}" for name, n in zip(names, row, strict=True)}
    back = f"{row[4] / row[3]:.1%}" if row[3] else "–"
    return {
        "Encounters": f"{row[0]:,}",
        "Patients": f"{row[1]:,}",
        "Total cost": f"${(row[2] or 0) / 1e6:,.2f} M",
        "30-day readmission": back,
    }


@pytest.mark.parametrize(
    ("page", "name"), [(page, name) for page, filters in FILTERS.items() for name in filters]
)
def test_every_figure_and_number_of_a_page_is_what_the_files_hold(lake, open_page, page, name):
    beside = name in BESIDE
    query, condition = FILTERS[page][name]
    app = open_page(page, **query, **({"compare": lake.former_id} if beside else {}))
    assert not app.error
    drawn = figures(app)
    for key in PAGE_OF[page]:
        rows = lake.now.ask(page, condition, CHARTS[key])
        before = lake.before.ask(page, condition, CHARTS[key]) if beside else None
        assert (key in drawn) == bool(rows), key
        if rows:
            CHECKS[CHARTS_BY_KEY[key].kind](drawn[key], rows, before)
    (row,) = lake.now.ask(page, condition, HEADLINES[page])
    expected, shown = told(page, row), metrics(app)
    assert {label: shown[label] for label in expected} == expected
    assert any(f"{row[0]:,} rows" in caption.value for caption in app.caption)
    if page in {"encounters", "medications"} and row[-1] is not None and row[0] > 50:
        label = {"encounters": "Median inpatient stay", "medications": "Median order to first dose"}[page]
        assert float(re.sub(r"[^\d.]", "", shown[label])) == pytest.approx(row[-1], rel=0.1, abs=0.6)
    if beside:
        (was,) = lake.before.ask(page, condition, HEADLINES[page])
        assert f"(was {was[0]:,})" in app.metric[0].delta


@pytest.mark.parametrize("page", ["encounters", "medications"])
def test_a_patient_with_two_versions_is_one_person(lake, page):
    ((versions, persons),) = lake.now.ask(
        page, "true", "SELECT count(DISTINCT patient_key), count(DISTINCT person) FROM r"
    )
    assert versions > persons > MINIMUM_CELL_SIZE, "or the pages' numbers above would be the same by either"


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("encounters", {"class": "VR", "days": "29"}),
        ("medications", {"route": "PO", "wait": "7"}),
        ("patients", {"sex": "F", "age_band": "none such"}),
    ],
)
def test_filters_that_nothing_fits_are_told_in_words(lake, open_page, page, query):
    app = open_page(page, "analyst", **query)
    assert not app.error
    assert not app.get("plotly_chart")
    assert [i.value for i in app.info if "is shown" not in i.value] == [
        "No records match these filters. Widen the period or clear a filter."
    ]
    assert app.metric[0].value == "0"


# the release


def test_the_address_names_the_release_and_an_older_one_says_that_there_is_a_newer(lake, open_page):
    published = cache.published().release_id
    app = open_page("patients", release="")
    everything = metrics(app)
    assert app.query_params["release"] == published
    assert not [i for i in app.info if "is shown" in i.value]
    app = open_page("patients", release=lake.former_id)
    (patients,) = lake.before.ask("patients", "true", "SELECT count(*) FROM r")
    assert metrics(app)["Patients"] == f"{patients[0]:,}"
    assert app.query_params["release"] == lake.former_id
    assert (
        f"A newer release exists. The published release is {names.release(published)}." in app.info[0].value
    )
    app.button[0].click().run()
    assert app.query_params["release"] == published
    assert metrics(app) == everything


def test_a_release_that_is_not_there_or_not_for_this_role_is_one_sentence(lake, open_page, portal):
    for name in ("run-nowhere", "current", "../x"):
        app = open_page("patients", release=name)
        assert [each.value for each in app.error] == [f"There is no release '{name}'."]
    s3 = portal.client("s3")
    held = replace(releases.get(portal, lake.former_id), decision="hold")
    release_model.write(s3, portal.lake, held)
    try:
        for query in ({"release": lake.former_id}, {"compare": lake.former_id}):
            for role in ("viewer", "analyst"):
                (error,) = open_page("patients", role, **query).error
                assert f"'{lake.former_id}' is held. {role.capitalize()}s can view it" in error.value
            for role in ("clinician", "engineer"):
                assert not open_page("patients", role, **query).error
    finally:
        release_model.write(s3, portal.lake, replace(held, decision="publish"))


def test_a_name_in_the_address_is_no_picture_in_the_sentence_that_there_is_no_such_release(lake, open_page):
    for query in ({"release": PICTURE}, {"compare": PICTURE}):
        (error,) = open_page("encounters", **query).error
        assert "There is no release" in error.value
        assert_unlinked(error.value)


def test_a_base_release_that_is_not_kept_any_longer_is_said_and_not_compared_with(lake, open_page, portal):
    s3 = portal.client("s3")
    made = releases.get(portal, lake.former_id)
    release_model.write(s3, portal.lake, replace(made, parent_release_id="run-deleted"))
    try:
        for query in ({}, {"compare": "run-deleted"}):
            app = open_page("patients", release=lake.former_id, **query)
            assert not app.error
            assert any("run-deleted, is no longer stored" in caption.value for caption in app.caption)
            assert not [
                toggle for toggle in app.toggle if toggle.label == "Compare with the previous release"
            ]
            assert not any(metric.delta for metric in app.metric)
    finally:
        release_model.write(s3, portal.lake, made)


def test_nonsense_in_the_address_is_left_out(lake, open_page):
    app = open_page("encounters", hour="x; DROP", weekday="", **{"class": "%00", "from": "never", "to": "1"})
    assert not app.error
    assert metrics(app)["Patients"] == metrics(open_page("encounters"))["Patients"]


@pytest.fixture
def orders_only(portal, lake):
    """The id of a release whose record counts orders and no administrations."""
    made = releases.get(portal, lake.release_id)
    named = replace(made, release_id="run-orders", tables={**made.tables, "fact_medication_admin": 0})
    release_model.write(portal.client("s3"), portal.lake, named)
    yield named.release_id
    portal.client("s3").delete_object(
        Bucket=portal.lake.bucket("quality"), Key=f"releases/{named.release_id}.json"
    )


def test_a_release_of_orders_says_so_and_shows_no_delay_or_chart(open_page, orders_only):
    app = open_page("medications", release=orders_only)
    assert any("This release has orders only" in info.value for info in app.info)
    assert figures(app) == metrics(app) == {}


def test_charts_of_due_times_reasons_and_scans_are_drawn_where_the_release_has_them(lake, open_page):
    drawn = figures(open_page("medications"))
    assert {"due-to-dose", "reasons-not-given", "barcode-scans"} <= drawn.keys()


# the period and the menu of a chart


def test_a_preset_is_in_the_address_and_a_custom_period_has_its_dates_there(lake, open_page):
    def period():
        return next(each for each in app.selectbox if each.label == "Period")

    app = open_page("encounters", period="12m")
    assert period().value == "12m"
    full = (
        f"{ADMITTED} < (SELECT date_trunc('month', max({ADMITTED}) + INTERVAL 1 DAY) FROM fact_encounter f)"
    )
    (row,) = lake.now.ask("encounters", full, HEADLINES["encounters"])
    assert metrics(app)["Encounters"] == f"{row[0]:,}"
    period().select("all").run()
    assert "period" not in app.query_params, "all is the default of less than 24 months"
    period().select("custom").run()
    app.date_input[0].set_value((date(2025, 2, 1), date(2025, 2, 28))).run()
    (row,) = lake.now.ask(
        "encounters", f"{ADMITTED} >= '2025-02-01' AND {ADMITTED} < '2025-03-01'", HEADLINES["encounters"]
    )
    assert metrics(app)["Encounters"] == f"{row[0]:,}"
    assert (app.query_params["from"], app.query_params["to"]) == ("2025-02-01", "2025-02-28")


def test_a_page_opens_with_its_first_section_and_the_address_names_another(lake, open_page):
    app = open_page("encounters", section="", days="0")
    assert {CHARTS_BY_KEY[key].section for key in figures(app)} == {"Activity"}
    app.button(key="chip-encounters-days-0").click().run()
    assert "days" not in app.query_params
    assert {CHARTS_BY_KEY[key].section for key in figures(open_page("encounters", section="stays"))} == {
        "Stays"
    }


def test_the_page_follows_its_address_as_after_back(lake, open_page):
    app = open_page("encounters", section="stays", department="Cardiology")
    filtered = metrics(app)
    del app.query_params["department"]
    app.query_params["section"] = "cost"
    app.run()
    assert metrics(app) == metrics(open_page("encounters")) != filtered
    assert {CHARTS_BY_KEY[key].section for key in figures(app)} == {"Cost"}


def test_a_saved_view_opens_by_its_link_and_an_annotation_is_on_charts_by_month(lake, open_page, portal):
    app = open_page("encounters", section="stays", department="Cardiology")
    app.text_input(key="view-name-encounters").set_value("Cardiology stays").run()
    app.button(key="save-view-encounters").click().run()
    (link,) = [m.value for m in app.markdown if "?view=" in m.value]
    opened = open_page("encounters", "viewer", section="", view=link.partition("?view=")[2].rstrip(")"))
    assert opened.query_params["department"] == "Cardiology"
    assert "view" not in opened.query_params
    assert metrics(opened)["Encounters"], "under the viewer's own rights"
    ana = portal.on_behalf_of(User("ana", "analyst"))
    note = shared_notes.annotate(ana, "2025-02", "New ward")
    cache.chart_annotations.clear()
    drawn = figures(open_page("encounters"))["encounters-by-month"]
    assert "⚑ New ward" in [each["text"] for each in drawn["layout"]["annotations"]]
    shared_notes.remove_annotation(ana, note.annotation_id)
    cache.chart_annotations.clear()


def test_the_previous_period_is_compared_in_a_table_and_on_the_charts(lake, open_page):
    period = {"from": "2025-03-01", "to": "2025-03-31"}
    app = open_page("encounters", compare="period", **period)
    march, february = (
        lake.now.ask("encounters", f"strftime({ADMITTED}, '%Y-%m') = '2025-0{n}'", "SELECT count(*) FROM r")[
            0
        ][0]
        for n in (3, 2)
    )
    row = app.table[0].value.loc["Encounters"]
    assert (row["Before"], row["Now"]) == (f"{february:,}", f"{march:,}")
    names = {t.get("name") for t in figures(app)["encounters-by-month"]["data"]}
    assert "Previous period, total" in names
    assert not any("release" in str(name) for name in names)


def test_the_menu_of_a_chart_lists_its_groups_and_its_sql(lake, open_page):
    app = open_page("encounters")
    app.button(key="encounters-by-department-table").click().run()
    rows = lake.now.ask("encounters", "true", CHARTS["encounters-by-department"])
    assert dict(app.dataframe[-1].value.to_numpy().tolist()) == dict(rows)
    app.button(key="encounters-by-department-sql").click().run()
    assert "fact_encounter AS f" in app.code[-1].value
    assert "release_id" not in app.code[-1].value
