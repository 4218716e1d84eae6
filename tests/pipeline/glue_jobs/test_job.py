"""What every job sets of Spark."""


def test_nothing_is_inferred_from_the_rules_filters(spark):
    """With many rules on aliases that takes minutes and gigabytes at a million rows."""
    frame = spark.range(3).selectExpr("id as a", "id as b").where("a > 1 and a = b")
    assert frame._jdf.queryExecution().optimizedPlan().constraints().isEmpty()
    assert frame.count() == 1


def test_a_moment_that_stands_for_none_ends_no_write(spark, tmp_path):
    told = ["0001-01-01 00:00:00", "0001-01-01"]
    moments = spark.sql(f"select timestamp '{told[0]}' as moment, date '{told[1]}' as day")
    moments.write.parquet(f"file://{tmp_path}/moments")
    (row,) = (
        spark.read.parquet(f"file://{tmp_path}/moments").selectExpr("string(moment)", "string(day)").collect()
    )
    assert list(row) == told
