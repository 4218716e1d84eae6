"""Charts from memory equal those of Athena SQL over the same files, and large releases stay on Athena."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import pandas as pd
import pytest
import sqlglot

from pipeline.lake.uris import Lake
from pipeline.releases.model import Release
from portal.athena.client import QueryResult
from portal.dashboards import in_memory
from portal.dashboards.catalog import DATASETS
from portal.dashboards.encounters import ENCOUNTERS
from portal.dashboards.in_memory import DatasetInMemory
from portal.dashboards.query_builder import Filters, QueryBuilder, with_source_rows
from tests.support.chart_filters import ALL
from tests.support.gold import RELEASE, Athena, write


class Files:
    """Fake Glue and S3 clients over the star's files: one partition per table."""

    def __init__(self, folder):
        self.folder, self.lake = folder, Lake("hdp")

    def client(self, _service):
        return self

    def get_paginator(self, operation):
        return SimpleNamespace(paginate=getattr(self, operation))

    def get_partitions(self, TableName, Expression, **_):
        assert Expression == f"release_id = '{RELEASE}'"
        where = {"Location": f"s3://gold/{TableName}/release_id={RELEASE}/"}
        return [{"Partitions": [{"Values": [RELEASE], "StorageDescriptor": where}]}]

    def list_objects_v2(self, Bucket, Prefix):
        files = sorted((self.folder / Prefix).rglob("*.parquet"))
        return [{"Contents": [{"Key": str(file.relative_to(self.folder))} for file in files]}]

    def get_object(self, Bucket, Key):
        return {"Body": io.BytesIO((self.folder / Key).read_bytes())}


@pytest.fixture(scope="module")
def gold(tmp_path_factory):
    folder = write(tmp_path_factory.mktemp("gold"), patients=800, seed=7)
    memory = {each.noun: DatasetInMemory(Files(folder), each, RELEASE) for each in DATASETS.values()}
    return Athena(folder), memory


def both(gold, dataset, statement):
    """The frames of a statement on the fake Athena and from memory, and the SQL that is shown."""
    athena, memory = gold
    sql = statement(QueryBuilder(athena.context, RELEASE), dataset)
    answer = memory[dataset.noun].answer(dataset, statement, sql)
    return athena.sql.execute(transpiled(sql)).df(), answer, sql


def transpiled(sql):
    return sqlglot.transpile(sql, read="athena", write="duckdb")[0]


def same(expected, found):
    assert list(expected.columns) == list(found.columns)
    ours, theirs = (
        [[plain(cell) for cell in row] for row in frame.to_numpy()] for frame in (found, expected)
    )
    assert ours == theirs


def plain(value):
    if pd.isna(value):
        return None
    if isinstance(value, str):
        return value
    return value.date() if isinstance(value, pd.Timestamp) else round(float(value), 6)


def some_filters(gold, dataset, seed):
    """A period and values of up to three dimensions, among those that the rows have."""
    choose = random.Random(seed)
    filters = Filters()
    if dataset.date_sql:
        filters = Filters(date(2024, choose.randint(1, 6), 1), date(2025, choose.randint(1, 9), 15))
    for dimension in choose.sample(dataset.filters, 3):
        rows = f"(SELECT DISTINCT {dimension.name}::varchar AS v FROM {in_memory._TABLE})"
        found = gold[1][dataset.noun]._connection.execute(f"FROM {rows} WHERE v IS NOT NULL ORDER BY 1")
        listed = found.fetchall()
        values = tuple(row[0] for row in choose.sample(listed, (len(listed) + 1) // 2))
        filters = replace(filters, chosen={**filters.chosen, dimension.name: values})
    return filters


@pytest.mark.parametrize("seed", [None, 1, 2, 3])
@pytest.mark.parametrize(("page", "chart"), ALL, ids=lambda each: getattr(each, "key", each))
def test_a_chart_from_memory_has_the_numbers_of_the_sql_that_its_card_shows(gold, page, chart, seed):
    filters = Filters() if seed is None else some_filters(gold, chart.dataset, seed)

    def statement(builder, rows):
        return builder.chart_sql(replace(chart, dataset=rows), filters)

    expected, answer, sql = both(gold, chart.dataset, statement)
    same(expected, answer.frame)
    assert answer.sql == sql and "gold_releases" in sql
    if len(expected):
        assert with_source_rows(answer).rows == expected["source_rows"].iloc[0]


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=lambda each: each.noun)
def test_the_choices_of_filters_are_those_of_athena(gold, dataset):
    expected, answer, _ = both(gold, dataset, QueryBuilder.filter_values)
    for name in expected.columns:
        ours, theirs = answer.frame[name].iloc[0], expected[name].iloc[0]
        if isinstance(theirs, str):
            assert sorted(ours.split("\x1f")) == sorted(theirs.split("\x1f"))
        else:
            assert ours == theirs


def test_a_median_from_memory_is_exact(gold):
    def statement(builder, rows):
        return builder.aggregates(rows, {"stay": "approx_percentile(stay_hours, 0.5)"}, Filters())

    _, answer, _ = both(gold, ENCOUNTERS, statement)
    hours = (
        gold[0]
        .sql.execute('SELECT median(length_of_stay_hours) FROM "hdp_gold_releases".fact_encounter')
        .fetchone()[0]
    )
    assert answer.frame["stay"].iloc[0] == hours


def test_two_versions_of_a_patient_are_one_person(gold):
    def statement(builder, rows):
        return builder.aggregates(rows, {"n": "count(DISTINCT person)"}, Filters())

    expected, answer, _ = both(gold, ENCOUNTERS, statement)
    assert answer.frame["n"].iloc[0] == expected["n"].iloc[0] < 800


@pytest.mark.parametrize("table", ["fact_encounter", "dim_patient"])
def test_a_release_with_a_table_above_the_limit_stays_on_athena(table):
    small = dict.fromkeys(ENCOUNTERS.tables, in_memory.MOST_ROWS)
    release = Release("r", "r", [], "publish", "", tables=small)
    assert in_memory.fits(ENCOUNTERS, release)
    assert not in_memory.fits(ENCOUNTERS, replace(release, tables={**small, table: in_memory.MOST_ROWS + 1}))
    assert not in_memory.fits(ENCOUNTERS, replace(release, tables={}))


def test_a_release_without_rows_has_empty_charts(tmp_path):
    empty = DatasetInMemory(Files(tmp_path), ENCOUNTERS, RELEASE)
    found = empty.answer(ENCOUNTERS, QueryBuilder.time_zone, "")
    assert isinstance(found, QueryResult) and found.frame["zones"].iloc[0] == 0
