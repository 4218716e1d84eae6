"""Each service function declares the right that it requires, and refuses every role without it."""

from __future__ import annotations

import csv
import importlib
import inspect
import io
import pkgutil
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

import portal
from pipeline.contracts.model import load
from pipeline.data_generator import Options
from pipeline.jobs import jobs
from portal.athena import sql_queries
from portal.athena.client import QueryResult
from portal.audit.service import Search
from portal.batches.samples import JobTask
from portal.core.auth import ROLES, User, label, roles_with
from portal.core.context import Context, UndeclaredRight
from portal.core.errors import ServiceError
from portal.core.rights import DECLARED, open_to_all, requires
from portal.core.settings import Settings
from portal.dashboards import encounter_charts
from portal.dashboards.query_builder import Filters
from portal.releases import service as releases
from portal.reviews import read_model
from portal.runs import service as runs
from portal.ui import cache
from portal.ui.cache import Shared
from tests.support import role_tables
from tests.support.tokens import BALANCER_KEY_ID, key_set

ALLOWED = role_tables.functions()
APART = ("portal.ui", "portal.cli")
"""Pages and commands call services; what they share between sessions is in `portal.ui.cache`."""


def _services():
    """Yield each public function of the services that takes a context, by its name below `portal`."""
    for found in pkgutil.walk_packages(portal.__path__, "portal."):
        if found.name.startswith(APART):
            continue
        module = importlib.import_module(found.name)
        for name, function in vars(module).items():
            is_own = inspect.isfunction(function) and function.__module__ == found.name
            if is_own and not name.startswith("_") and _takes_context(function):
                yield f"{found.name}.{name}".removeprefix("portal."), function


def _takes_context(function):
    first = next(iter(inspect.signature(function).parameters.values()), None)
    return first is not None and str(first.annotation).strip("'") == "Context"


SERVICES = dict(_services())
SHARED = {f"ui.cache.{name}": each for name, each in vars(cache).items() if isinstance(each, Shared)}


def _sealed(role):
    settings = Settings("hdp", "hdp", "arn:aws:states:us-east-1:1:stateMachine:m", "mallory", role)
    return Context(settings).sealed()


def test_the_table_has_every_function_of_the_services_and_no_other():
    assert sorted(ALLOWED) == sorted({*SERVICES, *SHARED})


@pytest.mark.parametrize("name", sorted(ALLOWED))
def test_the_declared_right_is_that_of_the_table(name):
    right = SHARED[name]._right if name in SHARED else getattr(SERVICES[name], DECLARED, "none declared")
    allowed = ALLOWED[name]
    if not allowed:
        assert right is None
    else:
        assert set(roles_with(right).replace(" or ", ", ").split(", ")) == set(map(label, allowed))


def _allowed(name):
    return ALLOWED.get(name) or ROLES


REFUSED = [(name, role) for name in sorted(SERVICES) for role in ROLES if role not in _allowed(name)]


@pytest.mark.parametrize(("name", "role"), REFUSED)
def test_a_role_without_the_right_is_refused_before_anything_is_read(name, role):
    function = SERVICES[name]
    with pytest.raises(ServiceError, match=rf"^{label(role).capitalize()}s cannot .* Required role: "):
        function(_sealed(role), *_nothing(function))


def _nothing(function):
    _, *rest = inspect.signature(function).parameters.values()
    return [None for each in rest if each.kind is each.POSITIONAL_OR_KEYWORD]


def test_a_function_without_a_declared_right_gets_no_aws_client():
    def undeclared(context):
        return context.client("s3")

    with pytest.raises(UndeclaredRight):
        undeclared(_sealed("engineer"))
    with pytest.raises(UndeclaredRight), _sealed("engineer").session():
        pass
    with pytest.raises(UndeclaredRight):
        _sealed("engineer").assume_review_role()


def test_a_declared_function_gets_the_clients_of_its_user():
    @requires("query")
    def asks(context, word):
        return context.user.name, context.client("s3").meta.service_model.service_name, word

    @open_to_all
    def reads(context):
        return context.user.role

    assert asks(_sealed("analyst"), "x") == ("mallory", "s3", "x")
    assert reads(_sealed("viewer")) == "viewer"
    with pytest.raises(ServiceError, match="Viewers cannot run SQL queries"):
        asks(_sealed("viewer"), "x")


# with marker names


CHANGES_THE_LAKE = """
    athena.sql_queries.cancel athena.sql_queries.remove athena.sql_queries.save athena.sql_queries.start
    audit.service.record audit.service.record_sign_in audit.service.recorded
    batches.imports.acknowledge batches.imports.start batches.preview.contents batches.preview.preview
    batches.preview.undecodable_values batches.incoming.receive
    batches.lifecycle.reprocess batches.retirement.retire
    batches.mapping.service.check batches.mapping.service.steps batches.mapping.service.to_map
    batches.mapping.store.approve batches.mapping.store.save batches.mapping.store.withdraw
    batches.mapping.use.with_mappings
    batches.samples.acknowledge batches.samples.as_zip batches.samples.cancel_job batches.samples.create
    batches.samples.start batches.samples.start_job batches.service.import_files batches.service.import_folder
    batches.staging.begin batches.staging.discard batches.staging.source_file
    core.numbers.number
    lake.backup.back_up lake.catalog.register lake.purge.approve lake.purge.request lake.purge.run
    lake.restore.restore lake.review_texts.redact lake.versions.restore_at
    dashboards.shared_notes.annotate dashboards.shared_notes.remove_annotation
    dashboards.shared_notes.remove_view dashboards.shared_notes.save_view
    people.service.end_deputy people.service.grant people.service.name_deputy people.service.revoke
    releases.service.publish releases.service.publish_approved releases.service.rollback
    reviews.bulk.decide reviews.notifications.notify_assignee
    reviews.commands.accept reviews.commands.accept_rows reviews.commands.answer reviews.commands.assign
    reviews.commands.close reviews.commands.dismiss reviews.commands.open_query reviews.commands.reject
    reviews.commands.reopen reviews.commands.withdraw reviews.commands.withdraw_rows
    reviews.entry.append_event reviews.sign_off.sign runs.executions.start
    runs.schedule.change runs.schedule.send_test
    runs.schedule.subscribe runs.schedule.unsubscribe runs.service.resume runs.service.start runs.service.stop
"""
"""Functions that write, or that read a file of their caller; their tests are in the services' folders."""

SEES_NAMES = {"quality.results.identified_rows", "reviews.commands.unmask"}


_WORDS = frozenset(
    [
        "Blue",
        "Cross",
        "Home",
        "Brown",
        "White",
        "Long",
        "May",
        "Hall",
        "Green",
        "Black",
        "Park",
        "Price",
        "Page",
    ]
)
"""Names of people that are also words."""


def _typed_in_tests():
    """Return words of all tests, which share the lake: a review's text may be about a ward, or Mr. Ward."""
    sources = Path(__file__).parents[2].rglob("test_*.py")
    return {word for source in sources for word in re.findall(r"[A-Z]\w+", source.read_text())}


@pytest.fixture(scope="module")
def markers(portal, held_run):
    """Return the identifiers, keys and birth dates of all rows in bronze."""
    s3, bucket, found = portal.client("s3"), f"{portal.lake.buckets}-bronze", set()
    for table in ("patients", "encounters", "medications"):
        columns = load("bronze", table).columns
        named = {"birth_date", *(c.name for c in columns if c.classification == "direct_identifier")}
        named -= {"city", "postal_code"}  # which are also words and numbers
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{table}/")
        for item in (item for page in pages for item in page.get("Contents", [])):
            text = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read().decode()
            rows = csv.DictReader(io.StringIO(text))
            found |= {row[name] for row in rows for name in named if row.get(name)} - _WORDS
        found -= {column.name for column in columns}  # a header below a title, or twice in a file
    found = {value for value in found if re.search("[A-Z0-9]", value)}  # a word of a row that names nobody
    found -= _typed_in_tests()
    assert len(found) > 200
    return re.compile(rf"(?<!\w)({'|'.join(map(re.escape, sorted(found)))})(?!\w)")


@pytest.mark.parametrize("role", ROLES)
def test_no_answer_to_a_role_without_the_right_to_names_has_one(acting, markers, arguments, role):
    context = acting("somebody", role).sealed()
    called, seen = [], {}
    for name in sorted(SERVICES.keys() - set(CHANGES_THE_LAKE.split())):
        if role not in _allowed(name):
            continue
        try:
            answer = _call(SERVICES[name], context, arguments)
        except ServiceError as error:
            answer = str(error)
        text = _text(answer)
        called.append(name)
        if found := markers.search(text):
            seen[name] = text[max(0, found.start() - 40) : found.end() + 40]
    assert len(called) > 30
    if role == "clinician":
        assert seen.keys() >= SEES_NAMES, "the test sees names where they are"
    else:
        assert seen == {}


def _call(function, context, arguments):
    _, *rest = inspect.signature(function).parameters.values()
    named = {each.name: arguments(function, each.name) for each in rest if each.name in arguments.known}
    missing = [each.name for each in rest if each.default is each.empty and each.name not in named]
    assert not missing, f"{function.__module__}.{function.__name__} needs {missing}"
    return function(context, **named)


def _text(answer):
    if isinstance(answer, Iterator):
        answer = list(answer)
    frame = getattr(answer, "frame", answer)
    text = frame.to_csv() if isinstance(frame, pd.DataFrame) else repr(answer)
    return text if answer is frame else f"{text} {answer!r}"


@pytest.fixture
def arguments(portal, held_run, first_run):
    """Return the arguments of a service function by its name, of the run whose release is held."""
    run, release = runs.get(portal, held_run.run_id), releases.get(portal, held_run.run_id)
    sql = "SELECT * FROM fact_encounter"
    analyst = portal.on_behalf_of(User("somebody", "analyst"))
    query_id = sql_queries.start(analyst, sql, first_run.run_id)
    sql_queries.wait(analyst, query_id, 60)
    known = {
        "batch_id": run.batch_ids[0],
        "batch_ids": run.batch_ids,
        "checked": [release],
        "dataset": encounter_charts.ENCOUNTERS,
        "execution_arn": run.execution_arn,
        "filters": Filters(),
        "first": run,
        "found": QueryResult(pd.DataFrame(), sql, query_id, 0, 0.0, first_run.run_id),
        "header": ["patient_id", "birth_date"],
        "job": next(job for job in jobs() if job.zone == "silver"),
        "job_run_id": run.jobs[0].job_run_id,
        "key_id": BALANCER_KEY_ID,
        "keys": ["K1"],
        "log": read_model.log(portal),
        "log_group": run.jobs[0].log_group,
        "mapping_id": "0a1b2c3d",
        "needed": 1,
        "purge_id": "0a1b2c3d",
        "release": release,
        "page": "encounters",
        "past": [run],
        "position": 0,
        "query_id": query_id,
        "release_id": first_run.run_id,
        "review": read_model.of_run(portal, held_run.run_id),
        "rule_id": "PAT-C01",
        "rows": ["K1"],
        "run": run,
        "run_id": held_run.run_id,
        "run_ids": [held_run.run_id, first_run.run_id],
        "second": first_run,
        "seconds": 10.0,
        "sql": sql,
        "start": run.started_at - timedelta(days=1),
        "statement": sql_queries.validate(portal, sql, first_run.run_id),
        "table": "patients",
        "table_name": "patients",
        "user": User("mallory", "viewer"),
        "view_id": "0a1b2c3d",
        "wanted": Search.last_days(1),
        "why": "to prove that the test sees names",
    }
    with key_set(portal):
        yield _Arguments(known)


class _Arguments:
    """Arguments by name; some functions give the same name to something else."""

    def __init__(self, known):
        self._known = known
        self.known = known.keys() | {"name", "task"}

    def __call__(self, function, name):
        module = function.__module__.removeprefix("portal.")
        if name == "name":
            return self._known["run_id"] if module == "runs.executions" else "dim_patient"
        return JobTask("b", "jr", Options()) if name == "task" else self._known[name]
