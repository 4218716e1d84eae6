"""What every job sets of Spark."""


def test_nothing_is_inferred_from_the_rules_filters(spark):
    """With many rules on aliases that takes minutes and gigabytes at a million rows."""
    frame = spark.range(3).selectExpr("id as a", "id as b").where("a > 1 and a = b")
    assert frame._jdf.queryExecution().optimizedPlan().constraints().isEmpty()
    assert frame.count() == 1
