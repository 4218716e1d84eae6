"""The Lambdas' input validation agrees with the jsonschema package."""

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


def test_an_unknown_field_is_rejected():
    with pytest.raises(BadRunInput, match=r"Unknown colour .* allowed: run_id, batch_ids, auto_publish"):
        check({"run_id": "run-1", "colour": "red"})


def test_an_invalid_value_is_named():
    with pytest.raises(BadRunInput, match=r"run_id is '\.\./etc'"):
        check({"run_id": "../etc"})


def test_execution_names_of_aws_are_valid_run_ids():
    """EventBridge Scheduler uses a UUID, a rule two; the tenth attempt adds three characters."""
    one = str(uuid.uuid4())
    for name in (one, f"{one}_{uuid.uuid4()}"):
        assert check({"run_id": name})["run_id"] == name
    longest = "r" * 77
    assert check({"run_id": longest}) and len(f"{longest}.10") <= 80
    with pytest.raises(BadRunInput):
        check({"run_id": longest + "r"})


def test_too_many_batches_are_rejected():
    with pytest.raises(BadRunInput, match="5001 entries: at most 5000"):
        check({"run_id": "run-1", "batch_ids": ["20261123-abcdef01"] * 5001})


def test_input_that_is_not_an_object_is_rejected():
    with pytest.raises(BadRunInput, match="JSON object, not list"):
        check([])
