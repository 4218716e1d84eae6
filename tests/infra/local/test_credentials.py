"""Key pairs of roles: none is lost when several roles are added at once, and the cloud notices each."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from infra.local.credentials import Keys, ensure, read


def test_roles_that_are_added_at_once_all_keep_their_keys(tmp_path):
    path = tmp_path / "credentials"
    roles = [f"role-{number}" for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda role: ensure(path, [role])[role], roles))
    assert read(path) == {key.role: key for key in given}


def test_a_role_that_is_added_within_one_tick_of_the_clock_is_found(tmp_path):
    path = tmp_path / "credentials"
    keys = Keys(path)
    for role in ("glue-job", "check-status", "start-job"):
        key = ensure(path, [role])[role]
        os.utime(path, ns=(0, 0))
        assert keys.find(key.access_key) == key
