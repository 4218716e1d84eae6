"""One laptop cloud and one engine a test process; each test has a bucket prefix of its own.

Tests are in tiers, told by their fixtures and markers:
- `unit`: needs neither engine nor cloud, browser or Terraform (`make check`);
- no marker, or `integration`, for a test that starts a cloud or an engine by itself: `make test`;
- `slow`: `make test-all` too; `parity` and `bench`: a target of their own.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import boto3
import hypothesis
import pytest

from infra.local.cloud import Cloud
from pipeline.data_generator.writer import generate
from portal.core.auth import User
from portal.core.context import Context
from portal.core.settings import Settings
from portal.releases import service as releases
from tests.support import lakes

SHARED = next((p / "shared" for p in Path(__file__).parents if (p / "shared" / "cases").is_dir()), None)
"""Input that nobody here wrote; it is no part of the repository."""

NOT_UNIT = {"cloud", "long_history", "spark", "browser", "chromium", "terraform", "clean_python"}
TIERS = ("integration", "slow", "parity", "bench")

# Streamlit says so of each cache, for no page is being served.
logging.getLogger("streamlit.runtime.caching.cache_data_api").addFilter(
    lambda record: "No runtime found" not in record.getMessage()
)

# The same examples at each call, however busy the machine is; `--hypothesis-profile=fuzz` looks for new ones.
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.register_profile("fuzz", deadline=None, max_examples=1000, print_blob=True)
hypothesis.settings.load_profile("same")


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark unit tests; hand out each file as a whole, those that take long first."""
    weights = defaultdict(int)
    for item in items:
        needs = NOT_UNIT & set(item.fixturenames)
        if not needs and not any(item.get_closest_marker(tier) for tier in TIERS):
            item.add_marker(pytest.mark.unit)
        item.add_marker(pytest.mark.xdist_group(str(item.path)))
        weight = (
            3 if item.get_closest_marker("integration") else len(needs & {"browser", "chromium", "cloud"})
        )
        weights[item.path] = max(weights[item.path], weight)
    result = yield  # what -m leaves out, and the random order
    items.sort(key=lambda item: -weights[item.path])
    return result


@pytest.fixture(autouse=True)
def same_main_module():
    """Streamlit's AppTest leaves a page as `__main__`, which a process spawned later would run."""
    before = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = before


@pytest.fixture(autouse=True)
def no_cloud_in_a_unit_test(request, monkeypatch):
    """A unit test that starts a cloud fails: `make check` would wait for it."""
    if request.node.get_closest_marker("unit"):
        why = "a unit test starts no cloud: take the fixture `cloud`, or mark the test integration"
        monkeypatch.setattr(Cloud, "_launch", lambda *_: pytest.fail(why))


@pytest.fixture(scope="session")
def state(tmp_path_factory):
    """The state folder of the tests' cloud."""
    folder = Path(tempfile.mkdtemp(prefix="hdp-test-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def facts(state):
    """What happened in the lake on which the cloud starts: `tests.support.lakes`."""
    return lakes.copy(state)


@pytest.fixture(scope="session")
def cloud(state, facts):
    """A laptop cloud; from here on this process speaks to it, whatever AWS set-up the machine has."""
    with Cloud(state, workers=1) as running:
        before = dict(os.environ)
        os.environ.update(running.environment())
        os.environ["HDP_USER"] = "tester"
        yield running
        os.environ.clear()
        os.environ.update(before)
    lakes.ended(running)


@pytest.fixture
def aws(cloud):
    """Makes boto3 clients of the laptop cloud."""
    return boto3.session.Session()


@pytest.fixture
def lake_prefix(request):
    """A bucket prefix that no other test has."""
    return f"t-{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:16]}"


@pytest.fixture(scope="session")
def portal(cloud):
    """The portal's services on the laptop cloud."""
    return Context(Settings.from_environment())


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    """A session of the laptop's engine (HDP_ENGINE, Sail by default) in this process, for transforms."""
    from infra.local import engine
    from pipeline.glue_jobs.entry_point import SETTINGS

    folder = tmp_path_factory.mktemp("engine")
    running = engine.start(os.environ.get("HDP_ENGINE", "sail"), folder / "s3", folder / "work" / "scratch")
    session = running.new_session()
    for name, value in SETTINGS.items():
        session.conf.set(name, value)
    yield session
    running.stop()


@pytest.fixture(scope="session")
def sample(tmp_path_factory):
    """A small clean extract in files."""
    return generate(lakes.SMALL, tmp_path_factory.mktemp("sample") / "extract")


@pytest.fixture(scope="session")
def killed_run(portal, facts):
    """The sample imported, its run failed by a kill -9 of the job's worker."""
    return facts.killed


@pytest.fixture(scope="session")
def first_run(portal, facts):
    """The same run, resumed after the kill, and published."""
    return facts.first


@pytest.fixture(scope="session")
def shared():
    """The folder of cases and real exports that failed once."""
    if SHARED is None:
        pytest.skip("the folder 'shared' is not beside the project")
    return SHARED


@pytest.fixture
def synthea(shared):
    return shared / "data" / "synthea"


@pytest.fixture(scope="session")
def notifications(portal, facts):
    """The messages that subscribers of both topics have received, as documents."""
    with lakes.subscribed(portal) as received:
        received[:0] = facts.notifications
        yield received


@pytest.fixture(scope="session")
def broken(cloud):
    """The deployed script of a job fails for this long: `with broken("silver_to_gold/dim_time"):`."""
    return lambda name: lakes.script(cloud, name, lakes.FAILS)


@pytest.fixture(scope="session")
def failed_run(portal, facts):
    """A batch with broken rows beside the first one, its run failed by the script of dim_time."""
    return facts.failed


@pytest.fixture(scope="session")
def held_run(portal, facts):
    """The same run resumed: its release is held, for a row without its key."""
    return facts.held


@pytest.fixture
def on_its_base(portal, held_run):
    """The release that the held one was made on, published for the test's duration; gives its id."""
    present = releases.current(portal).release_id
    base = releases.get(portal, held_run.run_id).parent_release_id
    releases.publish(portal, base, reason="for a test")
    yield base
    releases.publish(portal, present, reason="the test is over")


@pytest.fixture
def acting(portal):
    """The portal's services on behalf of somebody: `acting("dr.lee", "clinician")`."""
    return lambda name, role: portal.on_behalf_of(User(name, role))


@pytest.fixture(scope="session")
def release_files(cloud):
    """The Parquet files of a release with the times at which they were written."""
    return lambda release_id: lakes.release_files(cloud.state, release_id)
