-- https://trino.io/docs/current/sql/select.html
SELECT 1;
SELECT DISTINCT department FROM encounters;
SELECT ALL department FROM encounters;
SELECT e.* FROM encounters AS e;
SELECT (ROW(1, 'x')).*;
WITH a AS (SELECT 1 AS n), b (m) AS (SELECT n FROM a) SELECT m FROM b;
WITH RECURSIVE t (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM t WHERE n < 4) SELECT sum(n) FROM t;
SELECT count(*), department FROM encounters GROUP BY 2;
SELECT department, class, sum(cost) FROM encounters GROUP BY GROUPING SETS ((department), (department, class), ());
SELECT department, class, sum(cost), grouping(department, class) FROM encounters GROUP BY CUBE (department, class);
SELECT department, class, sum(cost) FROM encounters GROUP BY ROLLUP (department, class);
SELECT a, b, c, count(*) FROM t GROUP BY DISTINCT CUBE (a, b), ROLLUP (b, c);
SELECT department FROM encounters GROUP BY department HAVING sum(cost) > 100;
SELECT x, lag(x) OVER w FROM (VALUES 1, 2, 3) AS t (x) WINDOW w AS (ORDER BY x);
SELECT * FROM (VALUES 42, 13) UNION SELECT 13;
(SELECT 13) INTERSECT ALL SELECT 13;
SELECT 13 EXCEPT DISTINCT SELECT 14;
SELECT name FROM t ORDER BY name DESC NULLS FIRST, 1 ASC;
SELECT name FROM t ORDER BY name OFFSET 22 ROWS FETCH FIRST 5 ROWS ONLY;
SELECT name FROM t ORDER BY name FETCH FIRST ROW WITH TIES;
SELECT name FROM t OFFSET 4 LIMIT 2;
SELECT name FROM t LIMIT ALL;
SELECT * FROM users TABLESAMPLE BERNOULLI (50);
SELECT * FROM users TABLESAMPLE SYSTEM (75);
SELECT student, score FROM tests CROSS JOIN UNNEST(scores) WITH ORDINALITY AS t (score, position);
SELECT * FROM (VALUES (1, ARRAY[1, 2])) AS t (a, b) LEFT JOIN UNNEST(b) AS u (c) ON TRUE;
SELECT * FROM a CROSS JOIN LATERAL (SELECT a.x + 1 AS y) AS b;
SELECT * FROM a JOIN b USING (id, day);
SELECT * FROM a NATURAL FULL OUTER JOIN b;
SELECT * FROM a, b;
SELECT name FROM nation WHERE EXISTS (SELECT 1 FROM region WHERE region.id = nation.region);
SELECT name FROM nation WHERE region IN (SELECT id FROM region);
SELECT name FROM nation WHERE region = (SELECT max(id) FROM region);
SELECT id AS "column with blanks" FROM "a table";
TABLE encounters;
-- https://trino.io/docs/current/sql/values.html
VALUES (1, 'a'), (2, 'b');
SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t (id, name);
-- https://trino.io/docs/current/functions/comparison.html
SELECT 3 BETWEEN 2 AND 6, 3 NOT BETWEEN 6 AND 2 FROM t;
SELECT a IS DISTINCT FROM b, a IS NOT DISTINCT FROM NULL, a IS NULL, a IS NOT NULL FROM t;
SELECT greatest(1, 2), least(3, 4);
SELECT 'hello' = ANY (VALUES 'hello', 'world'), 21 < ALL (VALUES 19, 20), 42 >= SOME (SELECT 41);
SELECT * FROM t WHERE name LIKE 'a#_%' ESCAPE '#' AND name NOT LIKE 'b%';
SELECT a <> b, a != b FROM t;
-- https://trino.io/docs/current/functions/conditional.html
SELECT CASE a WHEN 1 THEN 'one' ELSE 'many' END, CASE WHEN a = 1 THEN 'x' END FROM t;
SELECT if(a > 1, 'x'), coalesce(a, b, 0), nullif(a, 0), try(1 / a) FROM t;
-- https://trino.io/docs/current/functions/conversion.html
SELECT CAST('1' AS bigint), TRY_CAST('x' AS decimal(10, 2)), typeof(1), format('%03d', 8);
SELECT CAST(x AS timestamp(3) with time zone), CAST(x AS varchar(10)), CAST(x AS ARRAY(ROW(a bigint, b double))) FROM t;
SELECT CAST(x AS map(varchar, array(double))), CAST(x AS double precision) FROM t;
-- https://trino.io/docs/current/functions/datetime.html
SELECT DATE '2012-08-08' + INTERVAL '2' DAY, TIMESTAMP '2012-10-31 01:00' - INTERVAL '3' MONTH;
SELECT current_date, current_timestamp, localtime, now(), current_timestamp(6);
SELECT date_trunc('month', at), date_add('day', -7, at), date_diff('hour', a, b) FROM t;
SELECT EXTRACT(YEAR FROM at), year(at), day_of_week(at), hour(at), EXTRACT(TIMEZONE_HOUR FROM at) FROM t;
SELECT at AT TIME ZONE 'America/New_York', with_timezone(at, 'UTC') FROM t;
SELECT date_format(at, '%Y-%m'), date_parse('2020', '%Y'), from_iso8601_date('2020-01-01'), to_unixtime(at) FROM t;
-- https://trino.io/docs/current/functions/aggregate.html
SELECT count(DISTINCT a), count_if(a > 1), approx_distinct(a), approx_percentile(a, 0.5), approx_percentile(a, ARRAY[0.1, 0.9]) FROM t;
SELECT sum(a) FILTER (WHERE b > 1), array_agg(a ORDER BY b DESC), max_by(a, b), min_by(a, b, 3), arbitrary(a) FROM t;
SELECT listagg(a, ',' ON OVERFLOW TRUNCATE '...' WITH COUNT) WITHIN GROUP (ORDER BY a) FROM t;
SELECT reduce_agg(a, 0, (x, y) -> x + y, (x, y) -> x + y), histogram(a), map_agg(a, b), stddev(a), var_pop(a) FROM t;
-- https://trino.io/docs/current/functions/window.html
SELECT rank() OVER (PARTITION BY a ORDER BY b DESC), row_number() OVER (), ntile(4) OVER (ORDER BY b) FROM t;
SELECT sum(a) OVER (ORDER BY b ROWS BETWEEN 2 PRECEDING AND CURRENT ROW) FROM t;
SELECT avg(a) OVER (ORDER BY d RANGE BETWEEN INTERVAL '7' DAY PRECEDING AND UNBOUNDED FOLLOWING) FROM t;
SELECT last_value(a) IGNORE NULLS OVER (ORDER BY b GROUPS BETWEEN 1 PRECEDING AND 1 FOLLOWING) FROM t;
-- https://trino.io/docs/current/functions/lambda.html
SELECT transform(a, x -> x * 2), filter(a, x -> x > 1), reduce(a, 0, (s, x) -> s + x, s -> s), any_match(a, e -> e = 1) FROM t;
-- https://trino.io/docs/current/functions/array.html
SELECT a[1], element_at(a, -1), cardinality(a), contains(a, 1), array_join(a, ','), a || b, sequence(1, 5), slice(a, 1, 2) FROM t;
SELECT ARRAY[], ARRAY[1, 2] || 3, zip(a, b), array_sort(a, (x, y) -> IF(x < y, 1, -1)) FROM t;
-- https://trino.io/docs/current/functions/map.html
SELECT MAP(ARRAY['a'], ARRAY[1])['a'], map_keys(m), map_filter(m, (k, v) -> v > 1) FROM t;
-- https://trino.io/docs/current/functions/json.html
SELECT json_extract_scalar(j, '$.a'), json_query(j, 'lax $.b[*]' WITH ARRAY WRAPPER), json_value(j, 'lax $.c' RETURNING bigint DEFAULT 0 ON EMPTY) FROM t;
SELECT json_exists(j, 'strict $.a'), json_object('k' : 1, KEY 'l' VALUE 2), json_array(1, 2 NULL ON NULL), JSON '{"a": 1}' FROM t;
-- https://trino.io/docs/current/functions/string.html
SELECT trim(BOTH 'x' FROM a), trim(a), substring(a FROM 2 FOR 3), substr(a, 2), position('a' IN b), lower(a), split_part(a, ',', 1) FROM t;
SELECT normalize(a, NFD), regexp_like(a, '^x'), concat(a, b), length(a), lpad(a, 5, '0'), U&'\0041', X'65683F' FROM t;
-- https://trino.io/docs/current/functions/math.html
SELECT abs(-1), round(a, 2), power(2, 3), mod(7, 2), 7 % 2, -a, +a, 1.5e3, .5, width_bucket(a, 0, 1, 10), is_nan(nan()) FROM t;
-- https://trino.io/docs/current/sql/match-recognize.html
SELECT * FROM orders MATCH_RECOGNIZE (PARTITION BY a ORDER BY b MEASURES A.c AS x ONE ROW PER MATCH AFTER MATCH SKIP PAST LAST ROW PATTERN (A B+ C*) DEFINE B AS c < PREV(c));
-- https://trino.io/docs/current/language/comments.html
SELECT /* one */ 1 -- two
;
-- https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-time-travel-and-version-travel-queries.html
SELECT * FROM t FOR TIMESTAMP AS OF TIMESTAMP '2020-01-01 10:00:00 UTC';
-- https://docs.aws.amazon.com/athena/latest/ug/querying-with-prepared-statements.html
SELECT * FROM t WHERE a = ? AND b BETWEEN ? AND ? LIMIT 10;
-- https://docs.aws.amazon.com/athena/latest/ug/reserved-words.html
SELECT "date", "order", date, day, time, type, data FROM t;
SELECT DAY(date), "e".hour FROM t AS "e";
