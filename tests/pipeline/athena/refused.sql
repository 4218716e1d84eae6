-- https://duckdb.org/docs/stable/sql/query_syntax/from.html
FROM encounters;
FROM encounters SELECT department;
SELECT * FROM 'file.parquet';
SELECT * FROM range(10);
SELECT * FROM read_csv('a.csv');
SELECT * FROM a POSITIONAL JOIN b;
SELECT * FROM a ASOF JOIN b ON a.t >= b.t;
SELECT * FROM a SEMI JOIN b USING (id);
SELECT * FROM a ANTI JOIN b USING (id);
SELECT * FROM t AT (VERSION => 3);
-- https://duckdb.org/docs/stable/sql/expressions/star.html
SELECT * EXCLUDE (a) FROM t;
SELECT * REPLACE (a + 1 AS a) FROM t;
SELECT * RENAME (a AS b) FROM t;
SELECT COLUMNS('a.*') FROM t;
SELECT min(COLUMNS(*)) FROM t;
SELECT COLUMNS(c -> c LIKE 'a%') FROM t;
SELECT * LIKE 'a%' FROM t;
SELECT *COLUMNS('a') FROM t;
-- https://duckdb.org/docs/stable/sql/data_types/struct.html
SELECT {'a': 1, 'b': 2};
SELECT {a: 1};
SELECT struct_pack(a := 1);
SELECT {'a': 1}.a;
SELECT struct_extract(s, 'a') FROM t;
-- https://duckdb.org/docs/stable/sql/data_types/list.html
SELECT [1, 2, 3];
SELECT list_value(1, 2);
SELECT a[1:2] FROM t;
SELECT a[-2:] FROM t;
SELECT [x * 2 FOR x IN a] FROM t;
SELECT list_sum(a) FROM t;
SELECT len(a) FROM t;
SELECT a.list_filter(x -> x > 1) FROM t;
-- https://duckdb.org/docs/stable/sql/data_types/map.html
SELECT MAP {'a': 1};
-- https://duckdb.org/docs/stable/sql/data_types/literal_types.html
SELECT $$text$$;
SELECT $tag$text$tag$;
SELECT e'a\n';
SELECT 'a' 'b';
-- https://duckdb.org/docs/stable/sql/expressions/cast.html
SELECT '1'::INTEGER;
SELECT CAST(1 AS HUGEINT);
SELECT CAST(1 AS STRING);
SELECT CAST(1 AS TEXT);
SELECT CAST(1 AS UTINYINT);
SELECT CAST(a AS INTEGER[]) FROM t;
SELECT CAST(a AS STRUCT(b INTEGER)) FROM t;
SELECT TIMESTAMPTZ '2020-01-01';
-- https://duckdb.org/docs/stable/sql/query_syntax/groupby.html
SELECT a, count(*) FROM t GROUP BY ALL;
SELECT a FROM t ORDER BY ALL;
SELECT a FROM t QUALIFY row_number() OVER (ORDER BY a) = 1;
SELECT DISTINCT ON (a) a, b FROM t;
SELECT a FROM t LIMIT 10%;
SELECT a FROM t LIMIT 1 + 1;
SELECT a FROM t LIMIT 10 OFFSET 5;
SELECT a FROM t USING SAMPLE 10;
SELECT a FROM t TABLESAMPLE RESERVOIR (20 ROWS);
-- https://duckdb.org/docs/stable/sql/statements/pivot.html
PIVOT t ON a USING sum(b);
UNPIVOT t ON a, b INTO NAME n VALUE v;
SELECT * FROM t PIVOT (sum(b) FOR a IN ('x', 'y'));
-- https://duckdb.org/docs/stable/sql/statements/set_variable.html
SET VARIABLE x = 1;
SELECT getvariable('x');
-- https://duckdb.org/docs/stable/configuration/overview.html
SET memory_limit = '10GB';
PRAGMA database_list;
SELECT current_setting('threads');
SELECT * FROM duckdb_settings();
-- https://duckdb.org/docs/stable/sql/statements/attach.html
ATTACH 'a.db' AS a;
INSTALL httpfs;
LOAD httpfs;
COPY t TO 'a.csv';
SUMMARIZE t;
CREATE MACRO f(a) AS a + 1;
CHECKPOINT;
-- https://duckdb.org/docs/stable/sql/functions/numeric.html
SELECT 7 // 2;
SELECT 2 ** 3;
SELECT 2 ^ 3;
SELECT 5 & 3;
SELECT ~5;
SELECT 1 << 3;
SELECT 5!;
SELECT @(-1);
-- https://duckdb.org/docs/stable/sql/functions/pattern_matching.html
SELECT a ILIKE 'x%' FROM t;
SELECT a GLOB 'x*' FROM t;
SELECT a SIMILAR TO 'x.*' FROM t;
SELECT a ~ 'x.*' FROM t;
SELECT regexp_matches(a, 'x') FROM t;
-- https://duckdb.org/docs/stable/sql/functions/text.html
SELECT a ^@ 'x' FROM t;
SELECT printf('%d', 1);
SELECT string_split(a, ',') FROM t;
SELECT read_text('/etc/passwd');
-- https://duckdb.org/docs/stable/sql/functions/date.html
SELECT d + INTERVAL 1 DAY FROM t;
SELECT d + INTERVAL '1 day' FROM t;
SELECT datediff('day', a, b) FROM t;
SELECT strftime(d, '%Y') FROM t;
SELECT make_date(2020, 1, 1);
SELECT epoch_ms(1);
-- https://duckdb.org/docs/stable/sql/functions/aggregates.html
SELECT median(a) FROM t;
SELECT quantile_cont(a, 0.5) FROM t;
SELECT string_agg(a, ',') FROM t;
SELECT first(a) FROM t;
SELECT list(a) FROM t;
SELECT mode(a) FROM t;
-- https://duckdb.org/docs/stable/sql/dialect/friendly_sql.html
SELECT a, FROM t;
SELECT b: a FROM t;
SELECT a FROM t WHERE a == 1;
SELECT a ISNULL FROM t;
SELECT a NOTNULL FROM t;
SELECT a IN b FROM t;
SELECT (lambda x: x + 1);
SELECT * FROM a UNION BY NAME SELECT * FROM b;
SELECT 'a'.upper();
-- https://docs.aws.amazon.com/athena/latest/ug/select.html: names in back quotes are for DDL alone
SELECT `a` FROM t;
-- https://trino.io/docs/current/language/reserved.html
SELECT order FROM t;
SELECT 1 AS end;
SELECT 1a;
SELECT * FROM;
SELECT;
SELECT (1;
SELECT 'a;
