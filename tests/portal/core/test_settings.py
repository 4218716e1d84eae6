"""Settings that differ between AWS and a laptop."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.local.environment import variables
from portal.core.settings import Settings

NAMES = {"HDP_PREFIX": "hdp", "HDP_BUCKETS": "hdp", "HDP_STATE_MACHINE_ARN": "arn"}


def test_athena_is_asked_seldom_on_aws_where_requests_have_a_quota_and_often_on_a_laptop(cloud):
    assert Settings.from_environment(NAMES).athena_poll_seconds == 0.4
    laptop = variables(cloud.endpoint, cloud.prefix, Path(cloud.state))
    assert Settings.from_environment(laptop).athena_poll_seconds == 0.05


@pytest.mark.parametrize(("issuer", "is_cognito"), [
    ("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_abc", True),
    ("https://login.microsoftonline.com/tenant/v2.0", False),
])  # fmt: skip
def test_only_an_access_token_of_cognito_is_read(issuer, is_cognito):
    sign_in = {"HDP_SIGN_IN_ISSUER": issuer, "HDP_SIGN_IN_CLIENT": "c", "HDP_SIGN_IN_SIGNER": "s"}
    found = Settings.from_environment(NAMES | sign_in).sign_in
    assert (found.issuer, found.is_cognito) == (issuer, is_cognito)
