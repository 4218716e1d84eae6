"""Evaluate all row rules of a table in one scan and count the results in one aggregation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from pipeline import frames
from pipeline.contracts.model import Contract, Rule

FAILING = "_failing"
"""Column with a bit per rule, set if the row fails it: an array of 32-bit words, in order of the rules."""

APPLYING = "_applying"
"""Column like `FAILING` with the bits of the rules that apply to the row."""

SAMPLE = 200
_BITS = 32


@dataclass(frozen=True)
class Result:
    """The result of one rule on one table in one run: a row of quality.rule_result."""

    rule: Rule
    zone: str
    table: str
    checked: int
    failed: int
    sample_keys: tuple[str, ...] = ()
    broken: bool = False
    value: float | None = None
    detail: str | None = None

    @property
    def rate(self) -> float | None:
        """The measured value, otherwise the share of failing rows; None if no row was checked."""
        if self.value is not None or not self.checked:
            return self.value
        return self.failed / self.checked

    @property
    def status(self) -> str:
        """The outcome; `error` if the rule could not be evaluated."""
        return "error" if self.broken else self.rule.outcome(self.failed, self.rate)

    def as_row(self) -> dict[str, Any]:
        return {
            "rule_id": self.rule.id,
            "table_name": self.table,
            "zone": self.zone,
            "category": self.rule.category,
            "dimension": self.rule.dimension,
            "severity": self.rule.severity,
            "level": self.rule.level,
            "checked": self.checked,
            "failed": self.failed,
            "rate": self.rate,
            "threshold": self.rule.threshold,
            "status": self.status,
            "sample_keys": list(self.sample_keys),
            "detail": self.detail,
        }


def row_rules(contract: Contract) -> tuple[Rule, ...]:
    """Return the row rules that are evaluated when a batch is loaded into silver."""
    return tuple(rule for rule in contract.rules if rule.fails is not None and rule.level != "release")


def release_rules(contract: Contract) -> tuple[Rule, ...]:
    """Return the row rules that need other rows of the release; they are evaluated by the gold jobs."""
    return tuple(rule for rule in contract.rules if rule.fails is not None and rule.level == "release")


def evaluate(frame: DataFrame, rules: Sequence[Rule]) -> DataFrame:
    """Return `frame` with the columns `_failing` and `_applying`.

    Here, rules that depend on other rows do not fail: `across` evaluates them.
    """
    fails = [F.lit(False) if rule.looks_across else _fails(rule) for rule in rules]
    return frame.withColumns({FAILING: _pack(fails), APPLYING: _pack([_applies(rule) for rule in rules])})


def _applies(rule: Rule) -> Column:
    return F.coalesce(F.expr(rule.applies or "true"), F.lit(False))


def _fails(rule: Rule) -> Column:
    return F.coalesce(F.expr(f"({rule.applies or 'true'}) and ({rule.fails})"), F.lit(False))


def columns_across(rules: Sequence[Rule]) -> frozenset[str]:
    """Return the columns read by rules that depend on other rows; a struct counts as one column."""
    return frozenset(name.partition(".")[0] for rule in rules if rule.looks_across for name in rule.reads)


def across(evaluated: DataFrame, rules: Sequence[Rule], identity: Sequence[str]) -> DataFrame:
    """Return `evaluated` with the failures of rules that depend on other rows added to `_failing`.

    The `identity` columns identify a row and are never NULL. `evaluated` is read once per such rule, so it
    should be persisted.
    """
    failing = [
        _failing_across(evaluated.where(_bit(APPLYING, n) == 1), rule, identity).withColumn("_rule", F.lit(n))
        for n, rule in enumerate(rules)
        if rule.looks_across
    ]
    if not failing:
        return evaluated
    found = frames.union(failing).groupBy(*identity).agg(F.collect_set("_rule").alias("_met")).persist()
    flags = [
        F.array_contains("_met", n) if rule.looks_across else F.lit(False) for n, rule in enumerate(rules)
    ]
    both = F.array(*(F.col(FAILING)[n].bitwiseOR(word) for n, word in enumerate(_words(flags))))
    joined = evaluated.join(found, list(identity), "left")
    return joined.withColumn(FAILING, F.when(F.col("_met").isNull(), F.col(FAILING)).otherwise(both))


def _failing_across(rows: DataFrame, rule: Rule, identity: Sequence[str]) -> DataFrame:
    """Return the `identity` columns of the `rows` that fail one rule."""
    if not rule.among:
        return rows.withColumn("_fails", F.expr(str(rule.fails))).where("_fails").select(*identity)
    grouped = rows.withColumn("_group", frames.hash_of([F.expr(sql) for sql in rule.among]))
    groups = grouped.groupBy("_group").agg(F.expr(str(rule.fails)).alias("_fails")).where("_fails")
    return grouped.join(groups.select("_group"), "_group", "left_semi").select(*identity)


def with_rule(flag: str, number: int, rules: int) -> Column:
    """Return FAILING with the bit of the rule `number` set where the boolean column `flag` is true."""
    flags = [F.col(flag) if n == number else F.lit(False) for n in range(rules)]
    return F.array(*(F.col(FAILING)[n].bitwiseOR(word) for n, word in enumerate(_words(flags))))


def _pack(flags: Sequence[Column]) -> Column:
    return F.array(*_words(flags))


def _words(flags: Sequence[Column]) -> list[Column]:
    words = []
    for start in range(0, len(flags), _BITS):
        word = F.lit(0).cast("long")
        for position, flag in enumerate(flags[start : start + _BITS]):
            word = word + F.when(flag, F.lit(1 << position)).otherwise(F.lit(0)).cast("long")
        words.append(word)
    return words


def _bit(column: str, number: int) -> Column:
    word = F.col(column)[number // _BITS]
    return F.shiftright(word, number % _BITS).bitwiseAND(F.lit(1).cast("long"))


def quarantined(rules: Sequence[Rule]) -> Column:
    """Return a column that is true for a row that fails a quarantining rule."""
    words = []
    for start in range(0, len(rules), _BITS):
        mask = sum(1 << n for n, rule in enumerate(rules[start : start + _BITS]) if rule.quarantines)
        words.append(F.col(FAILING)[start // _BITS].bitwiseAND(F.lit(mask).cast("long")) != 0)
    return reduce(or_, words)


def failing_ids(rules: Sequence[Rule]) -> Column:
    """Return the ids of the quarantining rules that a row fails, as an array."""
    chosen = [
        F.when(_bit(FAILING, n) == 1, F.lit(rule.id)) for n, rule in enumerate(rules) if rule.quarantines
    ]
    return F.array_compact(F.array(*chosen))


def reasons(rules: Sequence[Rule]) -> Column:
    """Return the descriptions of the quarantining rules that a row fails, as an array."""
    descriptions = [
        F.when(_bit(FAILING, n) == 1, F.lit(f"Not met: {rule.description}"))
        for n, rule in enumerate(rules)
        if rule.quarantines
    ]
    return F.array_compact(F.array(*descriptions))


@dataclass(frozen=True)
class Tally:
    """Row counts by failed rules, applicable rules and further columns, such as batch and disposition."""

    patterns: tuple[dict[str, Any], ...]

    @classmethod
    def of(cls, evaluated: DataFrame, *by: str) -> Tally:
        """Count the rows of `evaluated` in one aggregation, whatever the number of rules."""
        counted = evaluated.groupBy(*by, APPLYING, FAILING).count().collect()
        return cls(tuple({**row.asDict(), "count": int(row["count"])} for row in counted))

    def rows(self, **where: Any) -> int:
        """Return the number of rows with these values of the grouping columns."""
        return sum(
            each["count"]
            for each in self.patterns
            if all(each[name] == value for name, value in where.items())
        )

    def with_bit(self, bits: str, number: int) -> int:
        """Return the number of rows with the bit of rule `number` set in `bits` (FAILING or APPLYING)."""
        word, mask = number // _BITS, 1 << number % _BITS
        return sum(each["count"] for each in self.patterns if each[bits][word] & mask)


def results_of(
    tally: Tally, evaluated: DataFrame, rules: Sequence[Rule], contract: Contract, key: str
) -> list[Result]:
    """Return the result of each rule; a second query collects a sample of the keys of failing rows."""
    failed = {n: tally.with_bit(FAILING, n) for n in range(len(rules))}
    samples = _samples(evaluated, failed, key)
    return [
        Result(
            rule, contract.zone, contract.table, tally.with_bit(APPLYING, n), failed[n], samples.get(n, ())
        )
        for n, rule in enumerate(rules)
    ]


def _samples(evaluated: DataFrame, failed: dict[int, int], key: str) -> dict[int, tuple[str, ...]]:
    """Return up to `SAMPLE` keys of failing rows by rule number; if there are more, picked by their hash."""
    wanted = [n for n, number in failed.items() if number]
    if not wanted:
        return {}
    picked = []
    for n in wanted:
        step = max(1, failed[n] // (4 * SAMPLE))
        is_sampled = F.pmod(F.xxhash64(F.col(key)), F.lit(step)) == 0
        picked.append(F.when((_bit(FAILING, n) == 1) & is_sampled, F.lit(n)))
    exploded = evaluated.select(
        F.col(key).alias("key"), F.explode(F.array_compact(F.array(*picked))).alias("rule")
    )
    hashed = F.struct(F.xxhash64("key").alias("hash"), "key")
    rows = (
        exploded.where("key is not null")
        .groupBy("rule")
        .agg(F.slice(F.array_sort(F.collect_set(hashed)), 1, SAMPLE).alias("keys"))
        .collect()
    )
    return {int(row["rule"]): tuple(sorted(each["key"] for each in row["keys"])) for row in rows}
