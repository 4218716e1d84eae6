import pytest

from pipeline.lake.uris import ZONES, Lake, split


def test_a_uri_splits_into_bucket_and_key():
    assert split("s3://hdp-gold/dim_time/release_id=r/") == ("hdp-gold", "dim_time/release_id=r/")


@pytest.mark.parametrize("uri", ["", "gold/x", "https://hdp-gold/x", "s3://"])
def test_a_uri_of_another_scheme_is_rejected(uri):
    with pytest.raises(ValueError, match="not an S3 URI"):
        split(uri)


def test_every_zone_has_its_own_bucket():
    assert len({Lake("hdp").bucket(zone) for zone in ZONES}) == 6


def test_database_name_has_no_dash_for_athena():
    assert Lake("st-mary").database("gold_releases") == "st_mary_gold_releases"


def test_release_lies_below_its_table():
    lake = Lake("hdp")
    assert lake.gold_release("dim_time", "r1") == "s3://hdp-gold/dim_time/release_id=r1/"
    assert lake.gold_release("dim_time", "r1").startswith(lake.gold_table("dim_time"))


def test_the_account_may_be_in_the_names_of_buckets_alone():
    lake = Lake.of({"HDP_PREFIX": "hdp", "HDP_BUCKETS": "hdp-123456789012"})
    assert lake.bucket("gold") == "hdp-123456789012-gold"
    assert lake.gold_table("dim_time") == "s3://hdp-123456789012-gold/dim_time/"
    assert (lake.database("gold"), lake.workgroup) == ("hdp_gold", "hdp-portal")
    assert Lake("hdp").bucket("gold") == "hdp-gold"
