"""Check statements against Trino's grammar, functions and types, as Athena checks them.

sqlglot, which rewrites and translates statements, also accepts syntax and functions of other databases.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from pipeline.athena.grammar import Node, SyntaxFault, Token, parse, terminal, tokenize

_MISREAD = frozenset(
    [
        *("ALL", "ANTI", "ASOF", "FETCH", "ISNULL", "LATERAL", "NOTNULL", "OFFSET", "OVER"),
        *("SEMI", "STRAIGHT_JOIN", "TABLESAMPLE"),
    ]
)
"""Words that are names in Trino, like the alias in `FROM a SEMI JOIN b`, but keywords to sqlglot."""


@cache
def _names(kind: str) -> frozenset[str]:
    return frozenset(
        json.loads((Path(__file__).parent / "trino_names.json").read_text(encoding="utf-8"))[kind]
    )


def check(sql: str) -> None:
    """Raise `SyntaxFault` unless Trino knows the statement's syntax, functions and types."""
    tokens = tokenize(sql)
    nodes = list(parse(tokens).walk())
    functions = _names("functions")
    if any(token.text.upper() == "MATCH_RECOGNIZE" for token in tokens):
        functions |= _names("pattern_functions")
    for node in nodes:
        if node.rule == "functionName":
            _check_function(node, tokens, functions)
        elif node.rule == "identifier":
            _check_identifier(tokens[node.start])
        if node.rule == "type" or _is_typed_literal(node):
            _check_type(node, tokens)


def _check_function(node: Node, tokens: list[Token], functions: frozenset[str]) -> None:
    name = "".join(token.text for token in tokens[node.start : node.end]).replace('"', "").lower()
    if name not in functions:
        raise SyntaxFault("FUNCTION_NOT_FOUND", tokens[node.start], f"Function '{name}' not registered")


def _check_identifier(token: Token) -> None:
    """Raise `SyntaxFault` for a name that begins with a digit (as Trino does), or that sqlglot misreads."""
    reason = ""
    if token.kind == terminal("<DIGIT_IDENTIFIER>"):
        reason = "identifiers must not start with a digit; surround the identifier with double quotes"
    elif token.text.upper() in _MISREAD:
        reason = f"'{token.text}' is no keyword of Athena; surround it with double quotes to use it as a name"
    if reason:
        raise SyntaxFault("SYNTAX_ERROR", token, reason)


def _is_typed_literal(node: Node) -> bool:
    """Return whether an expression is a type before a text, like `DATE '2026-01-31'`."""
    return node.rule == "primaryExpression" and [c.rule for c in node.children] == ["identifier", "string"]


def _check_type(node: Node, tokens: list[Token]) -> None:
    named = node.children[0] if node.children else node
    if named.rule != "identifier" or named.start != node.start:
        return
    first = tokens[named.start]
    name = first.text.replace('"', "").lower()
    if name not in _names("types"):
        raise SyntaxFault("TYPE_NOT_FOUND", first, f"Unknown type: {name}")
