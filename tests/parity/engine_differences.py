"""What gives other results on Sail 0.7.2 than on Spark 3.5.6, as observed on both, and what to write instead.

`tests.parity.engine_lint` refuses each in job code and rules; `test_engine_differences.py` runs every example
on both engines. A type alone (``datediff`` is bigint on Sail) is no difference here: a table ends in
`conform`, which casts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["sql", "regex", "python", "branches"]


@dataclass(frozen=True)
class Difference:
    """A construct whose result differs.

    `refused` is searched for in texts of a `kind`: SQL and calls of pyspark's functions, regular expressions,
    any Python call, or the branches of CASE and IF. Where it is empty, no text shows the difference: the
    parity tests do. `example` gives `sail` and `spark`, as type and value or "error"; `same` gives the same
    on both.
    """

    name: str
    kind: Kind
    refused: str
    example: str
    sail: str
    spark: str
    instead: str
    same: str


_SUNDAY = "date '2025-03-02'"
_EIGHT = "timestamp '2025-03-02 08:05:00'"

DIFFERENCES = (
    Difference(
        "weekday", "sql", r"\bweekday\s*\(",
        f"weekday({_SUNDAY})", "int -1", "int 6",
        "(dayofweek(x) + 5) % 7", f"(dayofweek({_SUNDAY}) + 5) % 7",
    ),
    Difference(
        "extract(dow …)", "sql", r"\b(extract|date_part)\s*\(\s*'?(dow|dayofweek)",
        f"extract(dow from {_SUNDAY})", "int 0", "int 1",
        "dayofweek(x)", f"dayofweek({_SUNDAY})",
    ),
    Difference(
        "string(…)", "sql", r"\bstring\s*\(",
        f"string({_EIGHT})", "string '2025-03-02T08:05:00Z'", "string '2025-03-02 08:05:00'",
        "date_format(x, …) for a timestamp, cast(x as string) for another type",
        f"date_format({_EIGHT}, 'yyyy-MM-dd HH:mm:ss')",
    ),
    Difference(
        "to_json", "sql", r"\bto_json\s*\(",
        f"to_json(struct({_EIGHT} as t))",
        "string '{\"t\":\"2025-03-02T08:05:00.000000Z\"}'", "string '{\"t\":\"2025-03-02T08:05:00.000Z\"}'",
        "to_json of text alone (date_format, cast), with the comment 'same on both engines: text'",
        f"to_json(struct(date_format({_EIGHT}, 'yyyy-MM-dd') as t))",
    ),
    Difference(
        "CASE or IF whose first result is a literal of another type than the others", "branches", "literal",
        "if(id > 0, -1, id)", "int 0", "bigint 0",
        "the literal in the type of the other branches: cast(-1 as bigint), F.lit(1.0)",
        "if(id > 0, cast(-1 as bigint), id)",
    ),
    Difference(
        "zip_with", "sql", r"\bzip_with\s*\(",
        "zip_with(array(1), array(3), (x, y) -> x + y)", "error", "array<int> [4]",
        "transform(sequence(0, size(a) - 1), i -> get(a, i) + get(b, i))",
        "transform(sequence(0, 0), i -> get(array(1), i) + get(array(3), i))",
    ),
    Difference(
        "round of a double", "sql", r"\bround\s*\(",
        "round(1.005d, 2)", "double 1.0", "double 1.01",
        "cast(x as decimal(18,2)) of the text or decimal, never of a double",
        "cast('1.005' as decimal(18,2))",
    ),
    Difference(
        "bround", "sql", r"\bbround\s*\(",
        "bround(cast(2.675 as decimal(12,3)), 2)", "double 2.68", "decimal(12,2) Decimal('2.68')",
        "cast(x as decimal(18,2)) of the text or decimal", "cast('2.675' as decimal(18,2))",
    ),
    Difference(
        "approx_percentile", "sql", r"\b(approx_percentile|percentile_approx)\s*\(",
        "approx_percentile(id, 0.5)", "double 0.5", "bigint 0",
        "percentile(x, 0.5)", "percentile(id, 0.5)",
    ),
    Difference(
        "approx_count_distinct", "sql", r"\bapprox_count_distinct\s*\(",
        "size(collect_set(pmod(id, 1))) + (select approx_count_distinct(id) from range(100))",
        "bigint 101", "bigint 104",
        "count(distinct x)", "count(distinct id)",
    ),
    Difference(
        "regexp_replace with $n before a letter", "sql", r"\bregexp_replace\s*\(.*\$\d+\w",
        "regexp_replace('abc', '(b)(c)', '$2x$1')", "string 'ab'", "string 'acxb'",
        "concat of regexp_extract", "concat(regexp_extract('abc', '(b)(c)', 2), 'x')",
    ),
    Difference(
        "split by an empty text", "sql", r"\bsplit\s*\(.*,\s*(F\.lit\()?''\)",
        "split('ab', '')", "array<string> ['', 'a', 'b', '']", "array<string> ['a', 'b']",
        "substring(x, n, 1)", "substring('ab', 1, 1)",
    ),
    Difference(
        "left with a negative length", "sql", r"\bleft\s*\([^()]*,\s*-",
        "left('abc', -1)", "string 'ab'", "string ''",
        "left(x, greatest(n, 0))", "left('abc', greatest(-1, 0))",
    ),
    Difference(
        "initcap", "sql", r"\binitcap\s*\(",
        "initcap('mary-ann')", "string 'Mary-Ann'", "string 'Mary-ann'",
        "concat(upper(left(x, 1)), lower(substring(x, 2)))",
        "concat(upper(left('mary-ann', 1)), lower(substring('mary-ann', 2)))",
    ),
    Difference(
        "format_string", "sql", r"\b(format_string|printf)\s*\(",
        "format_string('%.2f', 1.005d)", "string '1.00'", "string '1.01'",
        "lpad, or cast to decimal and then to string", "cast(cast('1.005' as decimal(18,2)) as string)",
    ),
    Difference(
        "element_at", "sql", r"\b(?<!try_)element_at\s*\(",
        "element_at(array(1, 2), 3)", "error", "int None",
        "get(x, n - 1)", "get(array(1, 2), 2)",
    ),
    Difference(
        "timestampdiff in days or weeks", "sql", r"\btimestampdiff\s*\(\s*(day|week|dayofyear)\b",
        "timestampdiff(DAY, timestamp '2025-03-01 03:00:00', timestamp '2025-03-02 02:00:00')",
        "bigint 1", "bigint 0",
        "timestampdiff(HOUR, a, b) div 24, or datediff for calendar days",
        "timestampdiff(HOUR, timestamp '2025-03-01 03:00:00', timestamp '2025-03-02 02:00:00') div 24",
    ),
    Difference(
        "timestamp_seconds", "sql", r"\btimestamp_seconds\s*\(",
        "unix_micros(timestamp_seconds(1.5))", "bigint 1000000", "bigint 1500000",
        "timestamp_micros(x)", "unix_micros(timestamp_micros(1500000))",
    ),
    Difference(
        "date_trunc to a month", "sql", r"\bdate_trunc\s*\(\s*'(year|quarter|month|week)'",
        f"date_trunc('month', {_SUNDAY})",
        "timestamp_ntz datetime.datetime(2025, 3, 1, 0, 0)", "timestamp datetime.datetime(2025, 3, 1, 0, 0)",
        "trunc(x, 'month')", f"trunc({_SUNDAY}, 'month')",
    ),
    Difference(
        "make_date", "sql", r"\bmake_date\s*\(",
        "make_date(2025, 2, 30)", "error", "date None",
        "cast(concat_ws('-', y, m, d) as date)", "cast(concat_ws('-', '2025', '2', '30') as date)",
    ),
    Difference(
        "decode", "sql", r"\bdecode\s*\(",
        "decode(1, 1, 'a', 'b')", "error", "string 'a'",
        "case x when …", "case 1 when 1 then 'a' else 'b' end",
    ),
    Difference(
        "log of one argument", "sql", r"\blog\s*\(",
        "log(10)", "error", "double 2.302585092994046",
        "ln(x)", "ln(10)",
    ),
    Difference(
        "exp", "sql", r"\bexp\s*\(",
        "exp(1)", "double 2.718281828459045", "double 2.7182818284590455",
        "nothing: its last digit depends on the engine", "pow(2, 3)",
    ),
    Difference(
        "input_file_name", "sql", r"\binput_file_name\s*\(",
        "input_file_name()", "error", "string ''",
        "the column of the shared reader that names the file", "'file'",
    ),
    Difference(
        "string_agg", "sql", r"\b(string_agg|listagg)\s*\(",
        "string_agg(cast(id as string), ',')", "string '0,1'", "error",
        "array_join(sort_array(collect_list(x)), ',')",
        "array_join(sort_array(collect_list(cast(id as string))), ',')",
    ),
    Difference(
        ">>", "sql", r"\w\s*>>\s*\w",
        "8L >> 2", "bigint 2", "error",
        "shiftright(x, n)", "shiftright(8L, 2)",
    ),
    Difference(
        "look-around and back-references", "regex", r"\(\?<?[=!]|\\[1-9]",
        "'ab' rlike 'a(?!c)'", "error", "boolean True",
        "two conditions", "'ab' rlike 'a' and not 'ab' rlike 'ac'",
    ),
    Difference(
        r"\s, \w, \d and \b", "regex", r"\\[swdbSWDB]",
        r"'\u00a0' rlike '\\s'", "boolean True", "boolean False",
        "the characters: [0-9], [A-Za-z0-9_], [ \\t\\r\\n]", r"'\u00a0' rlike '[ \\t\\r\\n]'",
    ),
    Difference(
        "named classes of characters", "regex", r"\[:|\\p\{(?!L[lu]?\})",
        r"'\u0085' rlike '\\p{Cntrl}'", "boolean True", "boolean False",
        "the characters: [\\x00-\\x1F\\x7F]", r"'\u0085' rlike '[\\x00-\\x1F\\x7F]'",
    ),
    Difference(
        "$", "regex", r"\$",
        r"'a\n' rlike '^a$'", "boolean False", "boolean True",
        r"\z: Spark's $ stands before a line break too", r"'a\n' rlike '^a\\z'",
    ),
    Difference(
        "(?i)", "regex", r"\(\?[a-z]*i",
        "'ſ' rlike '(?i)s'", "boolean True", "boolean False",
        "both cases: [A-Za-z]", "'ſ' rlike '[Ss]'",
    ),
    Difference(
        ".", "regex", r"\A(?!\(\?s\)).*\.",
        r"'a\r' rlike 'a.'", "boolean True", "boolean False",
        "(?s) first, or the characters: [^,]", r"'a\r' rlike '(?s)a.'",
    ),
    Difference(
        "cast of text that is no number", "sql",
        r"(?s)\A(?!.*\brlike\b).*\bcast\s*\([^()]*(\([^()]*)?\braw\.\w+[^()]*\)?\s+as\s+(double|float|int|bigint|decimal)",
        "sum(cast(if(id = 0, '1,234', '1') as double))", "error", "double 1.0",
        "case when x rlike '…' then cast(x as double) end",
        "sum(case when if(id = 0, '1,234', '1') rlike '^[0-9]+\\\\z' then 1.0d end)",
    ),
    Difference(
        "clearCache", "python", r"\.clearCache\(", "", "", "",
        "nothing: a job's session ends with it", "",
    ),
    Difference(
        "reading a folder that may be missing", "python", r"\.read\b.*\.parquet\(",
        "", "", "", "Run.parquet, which looks first (Sail gives no rows, Spark an error)", "",
    ),
    Difference(
        "options of Spark's own readers", "python", r"basePath|columnNameOfCorruptRecord", "", "", "",
        "the schema with its partition columns; the shared CSV reader", "",
    ),
    Difference(
        "reduce over the classic DataFrame", "python", r"\bDataFrame\.union", "", "", "",
        "frames.union", "",
    ),
    # No text shows these.
    Difference(
        "array_contains where elements are NULL", "sql", "",
        "array_contains(array(1, null), 2)", "boolean False", "boolean None",
        "exists(x, e -> e = v)", "exists(array(1, null), e -> e = 2)",
    ),
    Difference(
        "a double as text", "sql", "",
        "cast(1e10d as string)", "string '10000000000.0'", "string '1.0E10'",
        "cast to decimal first", "cast(cast(1e10d as decimal(18,6)) as string)",
    ),
    Difference(
        "a double as decimal", "sql", "",
        "cast(1.005d as decimal(12,2))", "decimal(12,2) Decimal('1.00')", "decimal(12,2) Decimal('1.01')",
        "cast the text as decimal", "cast('1.005' as decimal(12,2))",
    ),
    Difference(
        "a number that its type cannot hold", "sql", "",
        "max(cast(id + 3000000000 as int))", "error", "int -1294967295",
        "a wider type", "max(cast(id + 3000000000 as bigint))",
    ),
    Difference(
        "a field of an array of structs", "sql", "",
        "array(struct(1 as a)).a", "error", "array<int> [1]",
        "transform(x, e -> e.a)", "transform(array(struct(1 as a)), e -> e.a)",
    ),
    Difference(
        "a timestamp joined to text", "sql", "",
        f"concat_ws('|', {_EIGHT}, 'x')", "string '2025-03-02T08:05:00Z|x'", "string '2025-03-02 08:05:00|x'",
        "date_format first", f"concat_ws('|', date_format({_EIGHT}, 'yyyy'), 'x')",
    ),
)  # fmt: skip
