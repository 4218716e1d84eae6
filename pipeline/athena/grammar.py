"""Parse statements with Trino's grammar, which `scripts/trino-grammar` wrote to trino_grammar.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import NamedTuple

_END = 0
_EMPTY = -1
_LEXER = re.compile(
    r"""(?P<skip>[ \r\n\t]+|--[^\r\n]*|/\*.*?\*/)
    |(?P<UNICODE_STRING>U&'(?:[^']|'')*')
    |(?P<BINARY_LITERAL>X'[^']*')
    |(?P<STRING>'(?:[^']|'')*')
    |(?P<QUOTED_IDENTIFIER>"(?:[^"]|"")*")
    |(?P<DOUBLE_VALUE>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)E[+-]?[0-9]+(?![A-Z0-9_]))
    |(?P<DECIMAL_VALUE>[0-9]+\.[0-9]*|\.[0-9]+)
    |(?P<INTEGER_VALUE>[0-9]+(?![A-Z0-9_]))
    |(?P<DIGIT_IDENTIFIER>[0-9][A-Z0-9_]+)
    |(?P<IDENTIFIER>[A-Z_][A-Z0-9_]*)
    |(?P<operator>=>|->|<>|!=|<=|>=|\|\||\{-|-\}|.)""",
    re.VERBOSE | re.IGNORECASE | re.DOTALL | re.ASCII,
)
_EXPRESSIONS = frozenset({"expression", "booleanExpression", "valueExpression", "primaryExpression"})
_SHOWN = {**dict.fromkeys(_EXPRESSIONS, "<expression>"), "query": "<query>", "identifier": "<identifier>"}
_MOST_EXPECTED = 6

Label = str | frozenset[int]


class SyntaxFault(Exception):
    """Athena would refuse the statement; the message starts with the line and column."""

    def __init__(self, kind: str, token: Token, reason: str) -> None:
        self.kind = kind
        super().__init__(f"line {token.line}:{token.column}: {reason}")


class Token(NamedTuple):
    """A word or sign of a statement; `kind` is the number of its terminal in the grammar."""

    kind: int
    text: str
    line: int
    column: int


@dataclass(frozen=True)
class Node:
    """A match of a rule of the grammar with the tokens from `start` to before `end`."""

    rule: str
    start: int
    end: int
    children: tuple[Node, ...] = ()

    def walk(self) -> Iterator[Node]:
        yield self
        for child in self.children:
            yield from child.walk()


class _State(NamedTuple):
    is_final: bool
    edges: tuple[tuple[Label, int], ...]


@dataclass(frozen=True)
class _Grammar:
    """Rules as automata.

    `first` has the terminals that each rule can start with; `steps` is the cache of `possible`.
    """

    terminals: dict[str, int]
    names: list[str]
    rules: dict[str, list[_State]]
    first: dict[str, set[int]] = field(default_factory=dict)
    steps: dict[tuple[str, int, int], list[tuple[Label, int]]] = field(default_factory=dict)

    def possible(self, rule: str, state: int, kind: int) -> list[tuple[Label, int]]:
        """Return the edges of a state that can begin with a terminal of this kind, or match nothing."""
        key = (rule, state, kind)
        found = self.steps.get(key)
        if found is None:
            edges = self.rules[rule][state].edges
            found = self.steps[key] = [edge for edge in edges if self.starts(edge[0]) & {kind, _EMPTY}]
        return found

    def starts(self, label: Label) -> set[int] | frozenset[int]:
        return self.first[label] if isinstance(label, str) else label


@cache
def _grammar() -> _Grammar:
    document = json.loads((Path(__file__).parent / "trino_grammar.json").read_text(encoding="utf-8"))
    rules = {
        name: [
            _State(final, tuple((e if isinstance(e, str) else frozenset(e), target) for e, target in edges))
            for final, edges in states
        ]
        for name, states in document["rules"].items()
    }
    names = [name or "<EOF>" for name in document["tokens"]]
    return _Grammar({name: number for number, name in enumerate(names)}, names, rules, _first(rules))


def _first(rules: dict[str, list[_State]]) -> dict[str, set[int]]:
    """Return the terminals that each rule can start with, and `_EMPTY` for a rule that can match nothing."""
    first: dict[str, set[int]] = {name: set() for name in rules}
    while any(_grows(first, name, states) for name, states in rules.items()):
        pass
    return first


def _grows(first: dict[str, set[int]], name: str, states: list[_State]) -> bool:
    """Add the terminals that the rule `name` can start with to `first`; return whether any is new."""
    before = len(first[name])
    todo = [0]
    for state in todo:
        if states[state].is_final:
            first[name].add(_EMPTY)
        for label, target in states[state].edges:
            starts = first[label] if isinstance(label, str) else label
            first[name] |= starts - {_EMPTY}
            if _EMPTY in starts and target not in todo:
                todo.append(target)
    return len(first[name]) > before


def terminal(name: str) -> int:
    """Return the number of a terminal of the grammar."""
    return _grammar().terminals[name]


def tokenize(sql: str) -> list[Token]:
    """Return the tokens of a statement without blanks, comments and closing semicolons, then an end token."""
    tokens, line, line_start = [], 1, 0
    for match in _LEXER.finditer(sql):
        text = match.group()
        if match.lastgroup != "skip":
            kind = _terminal(str(match.lastgroup), text)
            tokens.append(Token(kind, text, line, match.start() - line_start + 1))
        if newlines := text.count("\n"):
            line, line_start = line + newlines, match.start() + text.rindex("\n") + 1
    while tokens and tokens[-1].text == ";":
        tokens.pop()
    return [*tokens, Token(_END, "<EOF>", line, len(sql.rstrip()) - line_start + 1)]


def _terminal(group: str, text: str) -> int:
    is_word = group in {"operator", "IDENTIFIER"}
    name = "<NEQ>" if text in {"<>", "!="} else text.upper() if is_word else f"<{group}>"
    known = _grammar().terminals
    return known.get(name, known["<IDENTIFIER>" if group == "IDENTIFIER" else "<UNRECOGNIZED>"])


def locate(sql: str, name: str) -> tuple[int, int] | None:
    """Return line and column of the first use of a name in a statement, or None if it is not used."""
    found = (token for token in tokenize(sql) if token.text.strip('"').lower() == name.lower())
    return next(((token.line, token.column) for token in found), None)


def parse(tokens: list[Token], rule: str = "statement") -> Node:
    """Return the tree of a statement; raise `SyntaxFault` if it does not match `rule` or is too large."""
    parser = _Parser(tokens)
    try:
        if len(tokens) - 1 not in parser.ends(rule, 0):
            raise parser.fault()
        return parser.tree(rule, 0, len(tokens) - 1)
    except RecursionError:
        reason = "statement is too large (stack overflow while parsing)"
        raise SyntaxFault("STATEMENT_TOO_LARGE", tokens[0], reason) from None


class _Parser:
    """Follow all alternatives of the grammar at once; each rule is tried once at each position."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.kinds = [token.kind for token in tokens]
        self.grammar = _grammar()
        self.known: dict[tuple[str, int], frozenset[int]] = {}
        self.furthest = 0
        self.stuck: set[tuple[str, int]] = set()

    def ends(self, rule: str, start: int) -> frozenset[int]:
        """Return the positions at which `rule` can end if it starts at `start`."""
        key = (rule, start)
        if key in self.known:
            return self.known[key]
        states, found = self.grammar.rules[rule], set()
        todo, seen = [(0, start)], {(0, start)}
        while todo:
            state, position = todo.pop()
            self._reach(rule, state, position)
            if states[state].is_final:
                found.add(position)
            for step in self._steps(rule, state, position):
                if step not in seen:
                    seen.add(step)
                    todo.append(step)
        self.known[key] = frozenset(found)
        return self.known[key]

    def _steps(self, rule: str, state: int, position: int) -> Iterator[tuple[int, int]]:
        for label, target in self.grammar.possible(rule, state, self.kinds[position]):
            if isinstance(label, str):
                yield from ((target, end) for end in self.ends(label, position))
            else:
                yield target, position + 1

    def _reach(self, rule: str, state: int, position: int) -> None:
        if position > self.furthest:
            self.furthest, self.stuck = position, set()
        if position == self.furthest:
            self.stuck.add((rule, state))

    def fault(self) -> SyntaxFault:
        """Return the error at the furthest position.

        It lists what could stand there, unless that is more than `_MOST_EXPECTED` items.
        """
        edges = [edge for rule, state in self.stuck for edge in self.grammar.rules[rule][state].edges]
        expected = set().union(*(self._shown(label) for label, _ in edges)) if edges else set()
        token = self.tokens[self.furthest]
        hint = f". Expecting: {', '.join(sorted(expected))}" if 0 < len(expected) <= _MOST_EXPECTED else ""
        return SyntaxFault("SYNTAX_ERROR", token, f"mismatched input '{token.text[:80]}'{hint}")

    def _shown(self, label: Label) -> set[str]:
        if isinstance(label, str) and label in _SHOWN:
            return {_SHOWN[label]}
        names = (self.grammar.names[kind] for kind in self.grammar.starts(label) - {_EMPTY})
        return {name if len(name) > 1 and name[0] == "<" else f"'{name}'" for name in names}

    def tree(self, rule: str, start: int, end: int) -> Node:
        """Return the tree of the first alternative of `rule` that matches tokens `start` to `end` - 1."""
        children = self._path(rule, 0, start, end, set()) or []
        return Node(rule, start, end, tuple(self.tree(*child) for child in children))

    def _path(
        self, rule: str, state: int, position: int, end: int, failed: set[tuple[int, int]]
    ) -> list[tuple[str, int, int]] | None:
        """Return the child rules, each with start and end, between `position` and token `end`.

        They lead from the automaton state `state` to a final state; None if no path does.
        """
        if position == end and self.grammar.rules[rule][state].is_final:
            return []
        if (state, position) in failed or position > end:
            return None
        failed.add((state, position))
        for label, target in self.grammar.possible(rule, state, self.kinds[position]):
            stops = sorted(self.ends(label, position)) if isinstance(label, str) else [position + 1]
            for stop in reversed(stops):
                rest = self._path(rule, target, stop, end, failed)
                if rest is not None:
                    return [(label, position, stop), *rest] if isinstance(label, str) else rest
        return None
