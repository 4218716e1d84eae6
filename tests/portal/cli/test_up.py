"""`hdp up`: what it starts, and what is left of it when it is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from importlib import import_module
from pathlib import Path

import pytest

from infra.local.engine import ENGINES
from portal.cli.batches import batches
from portal.cli.main import MODULES

pytestmark = pytest.mark.integration

HDP = [sys.executable, "-c", "from portal.cli.main import main; main()"]
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def until(condition, seconds=90):
    """Poll until `condition` holds; fail where it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "this did not happen in time"
        time.sleep(0.05)


def answers(port):
    try:
        with _DIRECT.open(f"http://127.0.0.1:{port}/_stcore/health", timeout=5) as answer:
            return answer.read() == b"ok"
    except OSError:
        return False


def is_gone(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_killed_hdp_up_leaves_neither_portal_nor_cloud(tmp_path, port):
    command = [
        *HDP,
        "--state",
        str(tmp_path / "lake"),
        "up",
        "--port",
        str(port),
        "--no-browser",
        "--no-sample",
    ]
    environment = {**os.environ, "HDP_TARGET": "laptop"}
    up = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: answers(port) or up.poll() is not None)
        announcement = json.loads((tmp_path / "lake" / "cloud.json").read_text())
    finally:
        os.kill(up.pid, signal.SIGKILL)
        up.wait()
    until(lambda: not answers(port))
    until(lambda: is_gone(announcement["pid"]))
    assert not (tmp_path / "lake" / "cloud.json").exists()


def opened(state, *arguments):
    """Exit code and standard error of `hdp up` or `hdp cloud` on a state folder."""
    environment = {name: value for name, value in os.environ.items() if name != "HDP_ENGINE"}
    command = [*HDP, "--state", str(state), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", ["up", "cloud"])
def test_an_engine_that_is_none_is_one_sentence_that_lists_the_engines(tmp_path, command):
    code, said = opened(tmp_path, command, "--engine", "flink")
    assert code == 2
    assert said == "Invalid value for '--engine': 'flink' is not one of 'sail', 'spark'.\n"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["up", "--no-browser", "--no-sample"], ["cloud"]])
def test_the_engine_of_a_running_cloud_is_not_replaced_silently(cloud, port, command):
    if command[0] == "up":
        command = [*command, "--port", str(port)]
    running = json.loads((cloud.state / "cloud.json").read_text())["engine"]
    [other] = set(ENGINES) - {running}
    code, said = opened(cloud.state, *command, "--engine", other)
    assert code == 2
    assert f"runs jobs on {running}, not {other}: stop it first" in said
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("name", MODULES)
def test_every_command_is_in_its_module(name):
    commands = import_module(MODULES[name]).COMMANDS
    assert name in {command.name for command in commands}
    assert {command.name for command in commands} <= {*MODULES, *batches.list_commands(None)}


@pytest.mark.parametrize("command", ["runs list", "runs stop", "batches list", "releases list"])
def test_a_command_that_needs_no_frames_does_not_import_them(command):
    code = (
        "import sys; from portal.cli.main import hdp; "
        "hdp.main([*sys.argv[1:], '--help'], standalone_mode=False);"
        "print(sorted({'pandas', 'awswrangler', 'faker', 'sqlglot', 'streamlit'} & set(sys.modules)))"
    )
    named = [sys.executable, "-c", code, *command.split()]
    told = subprocess.run(named, capture_output=True, text=True, check=True)
    assert told.stdout.splitlines()[-1] == "[]"
