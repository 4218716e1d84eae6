"""The input check of the Lambdas says the same as the jsonschema package."""

import uuid

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.run_input import BadRunInput, check, schema

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from(["run-1", "b", "20261123-abcdef01", "../x", "", "a b"]),
    st.lists(st.sampled_from(["20261123-abcdef01", "!", ""]), max_size=3),
)
documents = st.dictionaries(
    st.sampled_from(["run_id", "batch_ids", "auto_publish", "colour"]), values, max_size=4
)


@given(documents)
def test_check_agrees_with_jsonschema(document):
    try:
        jsonschema.validate(document, schema())
        accepted = True
    except jsonschema.ValidationError:
        accepted = False
    if accepted:
        check(document)
    else:
        with pytest.raises(BadRunInput):
            check(document)


def test_defaults_are_filled_in():
    assert check({"run_id": "run-1"}) == {
        "run_id": "run-1",
        "batch_ids": [],
        "auto_publish": True,
        "started_by": "the schedule",
    }


def test_unknown_name_is_refused_with_the_allowed_ones():
    with pytest.raises(BadRunInput, match=r"Unknown colour .* allowed: run_id, batch_ids, auto_publish"):
        check({"run_id": "run-1", "colour": "red"})


def test_value_that_breaks_the_pattern_is_named():
    with pytest.raises(BadRunInput, match=r"run_id is '\.\./etc'"):
        check({"run_id": "../etc"})


def test_the_names_that_aws_gives_executions_are_runs():
    """Scheduler's are a UUID, a rule's are those of the event and the target; a tenth attempt adds three characters."""
    one = str(uuid.uuid4())
    for name in (one, f"{one}_{uuid.uuid4()}"):
        assert check({"run_id": name})["run_id"] == name
    longest = "r" * 77
    assert check({"run_id": longest}) and len(f"{longest}.10") <= 80
    with pytest.raises(BadRunInput):
        check({"run_id": longest + "r"})


def test_more_batches_than_allowed_are_refused():
    with pytest.raises(BadRunInput, match="5001 entries: at most 5000"):
        check({"run_id": "run-1", "batch_ids": ["20261123-abcdef01"] * 5001})


def test_input_that_is_no_object_is_refused():
    with pytest.raises(BadRunInput, match="JSON object, not list"):
        check([])
