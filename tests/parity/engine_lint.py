"""Refuse what differs between the engines in job code and rules: `python -m tests.parity.engine_lint`, in
`make lint`.

A call with the comment "same on both engines: WHY" on its lines, or on the line above, is left out.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlglot
import yaml
from sqlglot import exp

from tests.parity.engine_differences import DIFFERENCES, Kind

PIPELINE = Path(__file__).parents[2] / "pipeline"
CODE = ("glue_jobs", "rules", "sources", "contracts", "frames.py")
WAIVER = "same on both engines: "

_PATTERN = re.compile(r"(?:\brlike\s+|\bregexp_?\w*\s*\([^']*)'((?:[^']|'')*)'", re.IGNORECASE)
_CLASS = re.compile(r"\[\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]")


@dataclass(frozen=True)
class Text:
    """SQL or code that an engine evaluates, with its position."""

    kind: Kind
    text: str
    where: str


def refusals(texts: Iterator[Text]) -> list[str]:
    """Return a sentence for each difference in `texts`: position, difference, alternative."""
    found = (
        f"{text.where}: {each.name} differs between Sail and Spark. Write {each.instead}."
        for text in texts
        for each in DIFFERENCES
        if each.refused and each.kind == text.kind and re.search(each.refused, text.text, re.IGNORECASE)
    )
    return sorted(set(found))


def of_project() -> Iterator[Text]:
    """Everything that jobs give to an engine."""
    for place in CODE:
        path = PIPELINE / place
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield from of_python(file.read_text(), str(file.relative_to(PIPELINE.parent)))
    for file in sorted((PIPELINE / "contracts").rglob("*.odcs.yaml")):
        yield from of_contract(file.read_text(), str(file.relative_to(PIPELINE.parent)))


def of_contract(source: str, name: str) -> Iterator[Text]:
    """The SQL of a contract's rules."""
    for table in yaml.safe_load(source).get("schema", []):
        for rule in table.get("quality", []):
            for sql in _strings(rule.get("implementation")):
                yield from of_sql(sql, f"{name}: {rule.get('name')}")


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _strings(part)


def of_sql(sql: str, where: str) -> Iterator[Text]:
    """A SQL text, the regular expressions in it, and its branches of unequal types."""
    yield Text("sql", sql, where)
    for pattern in _PATTERN.findall(sql):
        yield from _regex(pattern.replace("\\\\", "\\"), where)
    if re.search(r"\bcase\b|\bif\s*\(", sql, re.IGNORECASE) and _mixes_branches(sql):
        yield Text("branches", "literal", where)


def _regex(pattern: str, where: str) -> Iterator[Text]:
    """Return a regular expression without classes and escapes, in which `.` and `$` are literal."""
    bare = _CLASS.sub(lambda found: "".join(re.findall(r"\\[swdbSWDB]|\\p\{\w+\}|\[:", found[0])), pattern)
    yield Text("regex", re.sub(r"\\[.$\\]", "", bare), where)


def _mixes_branches(sql: str) -> bool:
    try:
        tree = sqlglot.parse_one(sql, read="spark")
    except sqlglot.errors.SqlglotError:
        return False
    return any(map(_mixes, [*tree.find_all(exp.Case), *_alone(tree)]))


def _alone(tree: exp.Expression) -> Iterator[exp.If]:
    """IF as a function: within CASE it is one of the branches."""
    return (each for each in tree.find_all(exp.If) if not isinstance(each.parent, exp.Case))


def _mixes(node: exp.Case | exp.If) -> bool:
    """Return True if the first result is an integer literal and another is not: Sail takes the type of the
    first.
    """
    if isinstance(node, exp.Case):
        results = [each.args["true"] for each in node.args["ifs"]] + [node.args.get("default")]
    else:
        results = [node.args["true"], node.args.get("false")]
    whole = [_is_whole(each) for each in results if each is not None and not isinstance(each, exp.Null)]
    return bool(whole) and whole[0] and not all(whole)


def _is_whole(result: exp.Expression) -> bool:
    """Return True for an integer literal."""
    inner = result.this if isinstance(result, exp.Neg) else result
    return isinstance(inner, exp.Literal) and not inner.is_string and inner.this.isdigit()


def of_python(source: str, name: str) -> Iterator[Text]:
    """The SQL texts of a module, its calls of pyspark's functions, and any other call."""
    tree, lines = ast.parse(source), source.splitlines()
    constants, prose = _constants(tree), _docstrings(tree)
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant | ast.JoinedStr | ast.Call) or id(node) in prose | inner:
            continue
        if any(WAIVER in line for line in lines[max(0, node.lineno - 2) : node.end_lineno]):
            continue
        where = f"{name}:{node.lineno}"
        if isinstance(node, ast.Call):
            yield from _of_call(node, where)
        elif sql := _rendered(node, constants):
            yield from of_sql(sql, where)


def _of_call(call: ast.Call, where: str) -> Iterator[Text]:
    code = ast.unparse(call)
    yield Text("python", code, where)
    if code.startswith("F."):
        yield Text("sql", code.removeprefix("F."), where)
    if re.search(r"(\.rlike|^F\.regexp_\w+)$", ast.unparse(call.func)):
        for each in call.args:
            if isinstance(each, ast.Constant) and isinstance(each.value, str):
                yield from _regex(each.value, where)
    if code.startswith("F.when") and ".otherwise(" in code and _mixes_values(call):
        yield Text("branches", "literal", where)


def _mixes_values(call: ast.Call) -> bool:
    """Return True if the first value of F.when(…).when(…).otherwise(…) is an integer and another is not."""
    values, node = [], call
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        if node.func.attr in {"when", "otherwise"}:
            values.append(node.args[-1])
        node = node.func.value
    *others, first = [bool(re.fullmatch(r"(F\.lit\()?-?\d+\)?", ast.unparse(value))) for value in values]
    return first and not all(others)


def _constants(tree: ast.Module) -> dict[str, str]:
    """Texts by the name that they are assigned to, wherever in the module."""
    return {
        node.targets[0].id: node.value.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }


def _docstrings(tree: ast.Module) -> set[int]:
    lone = (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))
    return {id(value) for value in lone if isinstance(value, ast.Constant)}


def _rendered(node: ast.Constant | ast.JoinedStr, constants: dict[str, str]) -> str:
    """Return a text with known values substituted, and the name `x` for others."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    parts = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            known = isinstance(part.value, ast.Name) and constants.get(part.value.id)
            parts.append(known or "x")
        else:
            parts.append(part.value)
    return "".join(parts)


def main() -> None:
    found = refusals(of_project())
    print(*found, sep="\n", file=sys.stderr)
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
