"""Log lines of jobs appear although Glue's root logger has no handler."""

from __future__ import annotations

import logging

import pytest

from pipeline.glue_jobs import entry_point


@pytest.fixture
def root_as_on_glue():
    """The root logger as Glue leaves it: with a level and no handler."""
    root = logging.getLogger()
    before = root.level, root.handlers[:]
    root.setLevel(logging.INFO)
    root.handlers.clear()
    yield
    root.setLevel(before[0])
    root.handlers[:] = before[1]


def test_info_lines_appear_on_the_output_and_those_of_boto3_do_not(root_as_on_glue, capsys):
    logging.getLogger("pipeline").info("lost")
    assert capsys.readouterr().out == "", "a level without a handler logs nothing"
    entry_point.log_to_output()
    logging.getLogger("pipeline").info("dim_time starts")
    logging.getLogger("botocore.hooks").info("Found credentials")
    assert capsys.readouterr().out == "INFO dim_time starts\n"
