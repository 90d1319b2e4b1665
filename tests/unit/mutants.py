"""Mutants of the core: each is one of its modules with one small change, as a programmer's slip would make it.

They are made from the source as it is, so a new guard is mutated, and must be tested, from the day it is written.
A mutant is loaded together with the modules that rest on the changed one, in a package of its own.
"""

import ast
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import CodeType, ModuleType

from unit.driven import REAL, Core

import ari_app.core
from ari_app.core import (
    coverage,
    evidence,
    facts,
    gaps,
    manifest,
    names,
    orders,
    policy,
    reasons,
    recording,
    shipment,
    words,
)

FOLDER = Path(ari_app.core.__path__[0])
DEPENDENTS = {
    "party": ("party", "choice", "telling", "objection", "hand", "segments", "room", "restored", "fallback", "keeper"),
    "choice": ("choice", "telling", "objection", "room", "restored"),
    "telling": ("telling", "room", "restored"),
    "objection": ("objection", "room", "restored"),
    "hand": ("hand", "room", "restored"),
    "permit": ("permit", "capture", "segments", "room", "restored"),
    "capture": ("capture", "segments", "room", "restored"),
    "segments": ("segments", "room", "restored"),
    "room": ("room", "restored"),
    "restored": ("restored",),
    "topology": ("topology", "rooms"),
    "rooms": ("rooms",),
    "fallback": ("fallback", "keeper"),
    "keeper": ("keeper",),
    "signature": ("signature", "verification"),
    "shape": ("shape", "verification"),
    "arithmetic": ("arithmetic", "verification"),
    "verification": ("verification", "anchor"),
    "anchor": ("anchor",),
    "accounts": ("accounts", "assurance", "day"),
    "assurance": ("assurance", "day"),
    "day": ("day",),
    "free_space": ("free_space",),
    "standstill": ("standstill",),
    "strays": ("strays",),
    "retention": ("retention",),
    "notice_words": ("notice_words", "notice"),
    "notice": ("notice",),
    "self_test": ("self_test", "accounts", "assurance", "day", "verification", "anchor"),
}
OPPOSITE: dict[type[ast.cmpop], ast.cmpop] = {
    ast.Lt: ast.LtE(),
    ast.LtE: ast.Lt(),
    ast.Gt: ast.GtE(),
    ast.GtE: ast.Gt(),
    ast.Eq: ast.NotEq(),
    ast.NotEq: ast.Eq(),
    ast.Is: ast.IsNot(),
    ast.IsNot: ast.Is(),
    ast.In: ast.NotIn(),
    ast.NotIn: ast.In(),
}

Change = tuple[str, str, Callable[[], object]]
"""What is done, to which source text, and the doing."""


@dataclass(frozen=True)
class Mutant:
    """`what` was done to which `where` (source text) of a module; `code` is the changed module."""

    module: str
    what: str
    where: str
    code: CodeType

    def __str__(self) -> str:
        return f"{self.module}.py: {self.what}: {self.where}"


def _in_matches(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Match(cases=cases):
            for number, case in enumerate(cases):
                yield "drop the case", ast.unparse(case.pattern), partial(cases.pop, number)
        case ast.match_case(guard=ast.expr() as guard):
            yield "drop the guard", ast.unparse(guard), partial(setattr, node, "guard", None)
        case _:
            pass


def _in_patterns(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.MatchClass(kwd_patterns=patterns):

            def drop(number: int) -> None:
                del node.kwd_attrs[number], node.kwd_patterns[number]

            for number, pattern in enumerate(patterns):
                # A pattern that only names a value is no condition.
                if not isinstance(pattern, ast.MatchAs):
                    where = f"{node.kwd_attrs[number]} in {ast.unparse(node)}"
                    yield "drop the condition", where, partial(drop, number)
        case ast.MatchOr(patterns=patterns):
            for number, pattern in enumerate(patterns):
                # Of two alternatives none can be taken away by the grammar: the other one takes its place.
                other = patterns[number - 1]
                where = f"{ast.unparse(pattern)} in {ast.unparse(node)}"
                yield "drop the alternative", where, partial(patterns.__setitem__, number, other)
        case _:
            pass


def _in_conditions(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Compare(ops=operators):
            for number, operator in enumerate(operators):
                opposite = OPPOSITE[type(operator)]
                yield "turn the comparison", ast.unparse(node), partial(operators.__setitem__, number, opposite)
        case ast.If(test=ast.Name(id="TYPE_CHECKING")):
            # What stands below it is not there at run time.
            pass
        case ast.If(test=test) | ast.IfExp(test=test):
            negated = ast.UnaryOp(ast.Not(), test)
            yield "negate", ast.unparse(test), partial(setattr, node, "test", negated)
        case ast.BoolOp(op=operator):
            other = ast.Or() if isinstance(operator, ast.And) else ast.And()
            yield "turn and/or", ast.unparse(node), partial(setattr, node, "op", other)
        case ast.Set(elts=elements) if len(elements) > 1:
            for number, element in enumerate(elements):
                where = f"{ast.unparse(element)} in {ast.unparse(node)}"
                yield "drop the element", where, partial(elements.pop, number)


def _in_deeds(node: ast.AST) -> Iterator[Change]:
    match node:
        case ast.Call(func=ast.Name(id="replace"), keywords=keywords):
            for number, keyword in enumerate(keywords):
                yield "do not set", f"{keyword.arg} in {ast.unparse(node)}", partial(keywords.pop, number)
        case ast.Expr(value=ast.Call()):
            yield "do not do", ast.unparse(node), partial(setattr, node, "value", ast.Constant(None))
        case ast.AugAssign():
            yield "do not add", ast.unparse(node), partial(setattr, node, "value", ast.List([], ast.Load()))
        case ast.Constant(value=int(value)) if value > 1:
            yield "add one", ast.unparse(node), partial(setattr, node, "value", value + 1)


def of(module: str) -> Iterator[Mutant]:
    """Yield every mutant of a module of the core."""
    tree = _parsed(module)
    for node in list(ast.walk(tree)):
        as_it_was = {name: list(value) if isinstance(value, list) else value for name, value in vars(node).items()}
        for look in (_in_matches, _in_patterns, _in_conditions, _in_deeds):
            for number, (what, where, _) in enumerate(list(look(node))):
                # Looked at again each time: what the last change did was undone with new lists.
                list(look(node))[number][2]()
                ast.fix_missing_locations(node)
                yield Mutant(module, what, where, compile(tree, f"<mutant of {module}>", "exec"))
                for name, value in as_it_was.items():
                    setattr(node, name, list(value) if isinstance(value, list) else value)


def _parsed(module: str) -> ast.Module:
    return ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8"))


@cache
def _unchanged(module: str) -> CodeType:
    return compile(_parsed(module), module, "exec")


def load(mutant: Mutant) -> Core:
    """Return the core with this mutant in it."""
    package = ModuleType("mutant")
    package.__path__ = []
    modules = {"evidence": evidence, "facts": facts, "names": names, "orders": orders, "policy": policy}
    modules |= {"coverage": coverage, "reasons": reasons, "gaps": gaps, "manifest": manifest, "recording": recording}
    modules |= {"shipment": shipment, "words": words, **vars(REAL)}
    changed = {name: ModuleType(f"mutant.{name}") for name in DEPENDENTS[mutant.module]}
    try:
        sys.modules["mutant"] = package
        for name, module in (modules | changed).items():
            sys.modules[f"mutant.{name}"] = module
            setattr(package, name, module)
        for name, module in changed.items():
            module.__package__ = "mutant"
            exec(mutant.code if name == mutant.module else _unchanged(name), vars(module))  # noqa: S102  our own source
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "mutant"]:
            del sys.modules[name]
    found = modules | changed
    return Core(**{name: found[name] for name in vars(REAL)})
