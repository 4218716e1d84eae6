"""Athena of the laptop cloud: translation, partition pruning, errors, bytes scanned."""

import io
import time

import pandas as pd
import pytest


@pytest.fixture
def ask(aws, lake_prefix):
    """Return a function that runs a query on a table with two partitions."""
    s3, glue, athena = aws.client("s3"), aws.client("glue"), aws.client("athena")
    database = lake_prefix.replace("-", "_")
    s3.create_bucket(Bucket=lake_prefix)
    glue.create_database(DatabaseInput={"Name": database})
    storage = {
        "Location": f"s3://{lake_prefix}/t/",
        "Columns": [{"Name": "n", "Type": "bigint"}, {"Name": "word", "Type": "string"}],
    }
    table = {"Name": "t", "StorageDescriptor": storage, "PartitionKeys": [{"Name": "part", "Type": "string"}]}
    glue.create_table(DatabaseName=database, TableInput=table)
    for part, numbers in (("a", [1, 2]), ("b", [3]), ("unregistered", [99])):
        buffer = io.BytesIO()
        pd.DataFrame({"n": numbers, "word": [f'it\'s "{n}"' for n in numbers]}).to_parquet(buffer)
        s3.put_object(Bucket=lake_prefix, Key=f"t/part={part}/x.parquet", Body=buffer.getvalue())
        if part != "unregistered":
            entry = {
                "Values": [part],
                "StorageDescriptor": {**storage, "Location": f"s3://{lake_prefix}/t/part={part}/"},
            }
            glue.create_partition(DatabaseName=database, TableName="t", PartitionInput=entry)

    def run(sql, **options):
        started = athena.start_query_execution(
            QueryString=sql,
            QueryExecutionContext={"Database": database},
            ResultConfiguration={"OutputLocation": f"s3://{lake_prefix}/results/"},
            **options,
        )
        query_id = started["QueryExecutionId"]
        while True:
            query = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            if query["Status"]["State"] not in {"QUEUED", "RUNNING"}:
                break
            time.sleep(0.02)
        rows = None
        if query["Status"]["State"] == "SUCCEEDED":
            listed = athena.get_query_results(QueryExecutionId=query_id)["ResultSet"]["Rows"]
            rows = [tuple(cell.get("VarCharValue") for cell in row["Data"]) for row in listed]
        return query, rows

    return run


def test_only_registered_partitions_are_seen(ask):
    _, rows = ask("SELECT sum(n) AS total, count(*) AS n FROM t")
    assert rows == [("total", "n"), ("6", "3")]


def test_a_partition_has_the_rows_of_its_location_and_the_values_of_the_catalog(ask, aws, lake_prefix):
    location = f"s3://{lake_prefix}/t/part=a/"
    aws.client("glue").create_partition(
        DatabaseName=lake_prefix.replace("-", "_"),
        TableName="t",
        PartitionInput={"Values": ["it's c"], "StorageDescriptor": {"Location": location}},
    )
    _, rows = ask("SELECT part, sum(n) AS total FROM t GROUP BY part ORDER BY part")
    assert rows == [("part", "total"), ("a", "3"), ("b", "3"), ("it's c", "3")]
    _, rows = ask("SELECT n FROM t WHERE part = 'it''s c' ORDER BY n")
    assert rows == [("n",), ("1",), ("2",)]


def test_text_with_quotes_is_returned_unchanged(ask):
    _, rows = ask("SELECT word FROM t WHERE n = 3")
    assert rows == [("word",), ('it\'s "3"',)]


def test_only_the_filtered_partition_is_scanned(ask):
    whole, _ = ask("SELECT n FROM t")
    one, _ = ask("SELECT n FROM t WHERE part = 'b'")
    nothing, _ = ask("SELECT count(*) FROM t")
    scanned = [q["Statistics"]["DataScannedInBytes"] for q in (whole, one, nothing)]
    assert scanned[0] > scanned[1] > scanned[2] == 0


def test_athena_functions_are_translated(ask):
    _, rows = ask(
        "SELECT date_format(TIMESTAMP '2024-03-09 10:00:00', '%Y-%m'), "
        "array_join(array_agg(n ORDER BY n), '|') FROM t"
    )
    assert rows[1] == ("2024-03", "1|2|3")


def test_parameters_are_values_never_sql(ask):
    _, rows = ask("SELECT count(*) FROM t WHERE word = ?", ExecutionParameters=["'x'' OR 1=1'"])
    assert rows[1] == ("0",)


def test_a_view_is_stored_in_the_catalog_and_expanded(ask):
    assert (
        ask("CREATE OR REPLACE VIEW v AS SELECT n, part FROM t WHERE part = 'a'")[0]["Status"]["State"]
        == "SUCCEEDED"
    )
    assert ask("SELECT sum(n) FROM v")[1][1] == ("3",)
    assert ask("SHOW TABLES")[1] == [("tab_name",), ("t",), ("v",)]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "SELECT n\nFROM nowhere",
            "^TABLE_NOT_FOUND: line 2:6: Table 'awsdatacatalog.+nowhere' does not exist$",
        ),
        ("SELECT n, missing FROM t", "^COLUMN_NOT_FOUND: line 1:11: Column 'missing' cannot be resolved$"),
        ("SELECT t.missing FROM t", "^COLUMN_NOT_FOUND: line 1:10: Column 'missing' cannot be resolved$"),
        (
            "SELECT part,\n word, count(*) FROM t GROUP BY part",
            "^EXPRESSION_NOT_AGGREGATE: line 2:2: 'word' must be an aggregate expression",
        ),
        ("SELEC 1", "^SYNTAX_ERROR: line 1:1: mismatched input 'SELEC'$"),
        ("SELECT 1; SELECT 2", "Only one sql statement"),
        ("FROM t", "^SYNTAX_ERROR: line 1:1: mismatched input 'FROM'$"),
        ("SELECT len(word) FROM t", "^FUNCTION_NOT_FOUND: line 1:8: Function 'len' not registered$"),
        ("SELECT current_setting('threads')", "^FUNCTION_NOT_FOUND: line 1:8"),
        ("SET memory_limit = '1GB'", "^SYNTAX_ERROR: line 1:5"),
        ("SELECT * FROM read_csv('/etc/passwd')", "^SYNTAX_ERROR: line 1:23"),
        ("SELECT content FROM read_text('/etc/passwd')", "^SYNTAX_ERROR: line 1:30"),
        ("CREATE VIEW v AS FROM t", "^SYNTAX_ERROR: line 1:18"),
        ("DELETE FROM t", "NOT_SUPPORTED"),
    ],
)
def test_invalid_queries_fail_with_athenas_reason(ask, sql, reason):
    query, _ = ask(sql)
    assert query["Status"]["State"] == "FAILED"
    assert pd.Series([query["Status"]["StateChangeReason"]]).str.contains(reason).all()


def test_a_cancelled_query_is_cancelled(ask, aws):
    athena = aws.client("athena")
    slow = (
        "SELECT count(*) FROM t a, t b, UNNEST(sequence(1, 100000)) c(x), UNNEST(sequence(1, 100000)) d(y) "
        "WHERE x * y % 7 = a.n"
    )
    started = athena.start_query_execution(
        QueryString=slow,
        ResultConfiguration={"OutputLocation": "s3://hdp-results/x/"},
        QueryExecutionContext={"Database": "hdp_gold"},
    )["QueryExecutionId"]
    athena.stop_query_execution(QueryExecutionId=started)
    state = athena.get_query_execution(QueryExecutionId=started)["QueryExecution"]["Status"]["State"]
    assert state in {"CANCELLED", "FAILED"}
