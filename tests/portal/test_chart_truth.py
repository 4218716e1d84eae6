"""Every chart of every dashboard, unfiltered and with ten random filter sets, against SQL written by hand."""

from __future__ import annotations

import json
import random
from datetime import date

import pytest

from portal.components import charts
from portal.services.facts import Filters
from portal.services.questions import ENCOUNTER_QUESTIONS, MEDICATION_QUESTIONS, PATIENT_QUESTIONS
from tests.portal.chart_truth import CHARTS, CHECKS, ROWS, Star, decoded
from tests.portal.gold import RELEASE, Athena, write

PAGES = {
    "encounters": ENCOUNTER_QUESTIONS,
    "medications": MEDICATION_QUESTIONS,
    "patients": PATIENT_QUESTIONS,
}
ALL = [(page, question) for page, questions in PAGES.items() for question in questions]

# what each filter means, from the contracts
MEANS = {
    "encounters": {
        "class": "coalesce(encounter_class, 'Not recorded')",
        "department": "coalesce(department, 'Not recorded')",
        "payer": "coalesce(payer, 'Not recorded')",
        "chapter": "coalesce(icd10_chapter_title, diagnosis_description, 'Not recorded')",
        "specialty": "coalesce(provider_specialty, 'Not recorded')",
        "weekday": "isodow(admitted_at)",
        "hour": "hour(admitted_at)",
        "days": "if(length_of_stay_days > 30, 30, length_of_stay_days)",
    },
    "medications": {
        "route": "coalesce(f.route, 'Not recorded')",
        "therapeutic": "coalesce(therapeutic_class, 'Not classified')",
        "status": "coalesce(status, 'Not recorded')",
        "medication": "coalesce(medication_name, 'Not recorded')",
        "specialty": "coalesce(provider_specialty, 'Not recorded')",
        "weekday": "isodow(administered_at)",
        "hour": "hour(administered_at)",
        "wait": "if(minutes_from_order >= 120, 120, floor(minutes_from_order / 10) * 10)",
    },
    "patients": {
        "sex": "coalesce(sex, 'Not recorded')",
        "state": "coalesce(state, 'Not recorded')",
        "payer": "coalesce(payer, 'Not recorded')",
        "age_band": "coalesce(age_band, 'Not recorded')",
        "zip3": "coalesce(zip3, 'Not recorded')",
        "race": "coalesce(race, 'Not recorded')",
        "language": "coalesce(language, 'Not recorded')",
    },
}
MOMENT = {"encounters": "admitted_at", "medications": "coalesce(administered_at, ordered_at)"}


@pytest.fixture(scope="module")
def gold(tmp_path_factory):
    """5,000 patients as files, with the portal's Athena over them and SQL by hand."""
    folder = write(tmp_path_factory.mktemp("gold"), patients=5000, seed=5)
    return Athena(folder), Star(folder, RELEASE)


def chosen(star, page, seed):
    """A random set of one to three filters: as the portal has it, and as SQL by hand."""
    choose = random.Random(f"{page} {seed}")
    values, conditions = {}, []
    for name in choose.sample(sorted(MEANS[page]), choose.randint(1, 3)):
        meant = MEANS[page][name]
        joined = ROWS[page][ROWS[page].index("FROM fact" if page != "patients" else "FROM dim") :]
        asked = f"SELECT v FROM (SELECT DISTINCT {meant} AS v {joined}) WHERE v IS NOT NULL ORDER BY v"
        there = [v for (v,) in star.sql.execute(asked).fetchall()]
        picked = choose.sample(there, choose.randint(1, max(1, len(there) - 1)))
        values[name] = tuple(str(int(v)) if isinstance(v, float) else str(v) for v in picked)
        listed = ", ".join("'" + v.replace("'", "''") + "'" if isinstance(v, str) else str(v) for v in picked)
        conditions.append(f"{meant} IN ({listed})")
    start = end = None
    if page in MOMENT and choose.random() < 0.6:
        start, end = (
            date(2024, choose.randint(1, 12), choose.randint(1, 28)),
            date(2025, choose.randint(1, 12), choose.randint(1, 28)),
        )
        conditions.append(f"{MOMENT[page]} >= '{start}' AND {MOMENT[page]} < '{end}'::date + 1")
    return Filters(start, end, values), " AND ".join(conditions)


def check(gold, page, question, filters, condition):
    athena, star = gold
    rows = star.ask(page, condition, CHARTS[question.key])
    frame = athena.question(question, filters)
    assert frame.empty == (not rows)
    if rows:
        drawn = decoded(json.loads(charts.figure(question, frame).to_json()))
        CHECKS[question.kind](drawn, rows, None)


@pytest.mark.parametrize(("page", "question"), ALL, ids=lambda each: getattr(each, "key", each))
def test_a_chart_shows_what_the_files_hold(gold, page, question):
    check(gold, page, question, Filters(), "true")


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("page", PAGES)
def test_charts_under_random_filters_show_what_the_files_hold(gold, page, seed):
    filters, condition = chosen(gold[1], page, seed)
    for question in PAGES[page]:
        check(gold, page, question, filters, condition)
