"""Every metric, alarm, line of the log and exit code stands in docs/watching.md, and nothing else does."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from ari_app import cli, errors
from ari_app.core.free_space import Level
from ari_app.core.incident import Action, Door, Why
from ari_app.core.words import WORDS
from ari_app.watching import catalogue, meters
from ari_app.watching.catalogue import Kind

CHECKOUT = Path(__file__).parents[2]
PAGE = (CHECKOUT / "docs" / "watching.md").read_text(encoding="utf-8")
RULES = yaml.safe_load((CHECKOUT / "deploy" / "prometheus" / "consentgate.rules.yaml").read_text(encoding="utf-8"))
SCRAPE = yaml.safe_load((CHECKOUT / "deploy" / "prometheus" / "scrape.yaml").read_text(encoding="utf-8"))
ALERTS = [rule for group in RULES["groups"] for rule in group["rules"]]
LEVELS = ("debug", "info", "warning", "error")


def table(heading: str) -> dict[str, list[str]]:
    """Return the rows of the first table below a heading, by the word in their first cell."""
    part = PAGE.partition(f"\n## {heading}")[2].partition("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in part.splitlines() if line[:2] == "| "]
    below = rows[next(number for number, row in enumerate(rows) if set(row[0]) == {"-"}) + 1 :]
    assert len(below) == len({row[0] for row in below}), "a row stands there twice"
    return {row[0].strip("`"): row for row in below}


def served(process: str) -> dict[str, str]:
    """The families that a process really shows, by name, as Prometheus reads them, with their kinds."""
    text = meters.Registry(process).text().decode()
    return dict(re.findall(r"^# TYPE (\S+) (\w+)$", text, re.MULTILINE))


SERVED = {name: kind for process in catalogue.PROCESSES for name, kind in served(process).items()}


def test_every_metric_is_in_the_table_as_it_is_and_none_that_does_not_exist() -> None:
    rows = table("Metrics")
    assert {name: row[1] for name, row in rows.items()} == SERVED
    for metric in catalogue.METRICS:
        row = rows[metric.name]
        labels = tuple(re.findall(r"`(\w+)`", row[2]))
        assert (labels, row[3], row[4]) == (metric.labels, ", ".join(metric.by), metric.help), metric.name


def test_metrics_are_named_as_prometheus_wants_them() -> None:
    for name, kind in SERVED.items():
        assert re.fullmatch(r"consentgate_[a-z_]+", name)
        assert name.endswith("_total") is (kind == Kind.COUNTER), name
        words = ("seconds", "bytes", "total", "info", "files", "level", "fds")
        if kind == Kind.HISTOGRAM:
            assert name.endswith(words), f"{name} has no unit"


LABELS = {
    "process", "version", "level", "event", "stream", "line", "outcome", "reason", "result", "door", "action",
    "about", "kind", "server", "operation",
}  # fmt: skip
"""Words of ours, and lines of the configuration: none can hold a number, a name, a channel or an id."""


def test_no_label_can_hold_what_a_caller_is() -> None:
    assert {label for metric in catalogue.METRICS for label in metric.labels} <= LABELS


def spoken() -> Iterator[tuple[str, str, str]]:
    """Yield the file, the level and the event of every line that a process can log; f-strings as patterns."""
    for file in sorted((CHECKOUT / "ari_app").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=speaker, attr=level), args=[first, *_]) if level in LEVELS:
                    if "log" in ast.unparse(speaker):
                        yield from ((file.name, level, event) for event in events(first, file))
                case ast.Call(func=ast.Attribute(attr="keep"), args=[_, _, ast.Constant(value=str(event)), *_]):
                    yield file.name, "error", event
                case _:
                    pass


MADE = {
    "spool.{self.level.name.lower()}": [f"spool.{level.name.lower()}" for level in (Level.LOW, Level.SCARCE)],
    "{kind}.quarantined": ["fallback.quarantined", "incident.quarantined"],
    "{kind}.kept": ["fallback.kept", "incident.kept"],
    "event": [*(f"capture.{action}" for action in Action if action is not Action.CONTINUED), "leg.continued"],
    "action": [],  # what findings are called is said where they are kept
}
"""Events that are put together where they are said."""


def events(said: ast.expr, file: Path) -> list[str]:
    match said:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.IfExp(body=ast.Constant(value=str(one)), orelse=ast.Constant(value=str(other))):
            return [one, other]
        case _:
            key = ast.unparse(said).removeprefix("f").strip("'\"")
            assert key in MADE, f"{file}: {key} is an event that this test cannot read"
            return MADE[key]


def test_every_line_of_the_log_is_in_the_table_with_its_level_and_none_that_is_never_said() -> None:
    rows = table("The log")
    levels: dict[str, set[str]] = {}
    for _, level, event in spoken():
        levels.setdefault(event, set()).add(level)
    assert len(levels) > 60
    assert set(rows) == set(levels)
    # One of two words: the level is chosen where it is said.
    assert {event: set(row[1].split(", ")) for event, row in rows.items()} == levels


def test_every_door_action_and_reason_of_the_guard_is_in_the_table() -> None:
    rows = table("Incidents: what the guard finds")
    kinds: dict[str, set[str]] = {"door": {*Door}, "action": {*Action}, "why": {*Why}}
    assert {kind: {word for word, row in rows.items() if row[1] == kind} for kind in kinds} == kinds
    assert set(rows) == {word for words in kinds.values() for word in words}


def test_every_reason_is_in_the_table_in_the_words_that_a_ward_reads() -> None:
    rows = table("Reasons")
    assert {reason: row[1] for reason, row in rows.items()} == WORDS
    assert all(row[2] for row in rows.values()), "and what to do"


def test_every_exit_code_is_in_the_table() -> None:
    codes = {errors.GOOD, errors.FINDING, errors.USAGE, errors.CONFIGURATION, errors.UNREACHABLE, cli.INTERRUPTED}
    assert {int(code) for code in table("Exit codes")} == codes


# -- alert rules


def named(expression: str) -> Iterator[str]:
    """Yield the metrics that a PromQL expression reads; the parser of a Prometheus refuses what is none."""
    tree = promql_parser.parse(expression)
    todo = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, promql_parser.VectorSelector):
            yield str(node.name)
        below = (getattr(node, part, None) for part in ("expr", "lhs", "rhs", "vector_selector", "vs", "param"))
        todo += [one for one in below if isinstance(one, promql_parser.Expr)]
        if isinstance(arguments := getattr(node, "args", None), list):
            todo += arguments


def selectors(expression: str) -> dict[str, list[dict[str, str]]]:
    """Return each metric with the labels that are asked of it: by the text, which is plain enough for that."""
    found: dict[str, list[dict[str, str]]] = {}
    for name, inside in re.findall(r"(consentgate_\w+|\bup\b)(?:\{([^}]*)\})?", expression):
        found.setdefault(name, []).append(dict(re.findall(r'(\w+)[!=~]+"([^"]*)"', inside)))
    return found


def family(name: str) -> str:
    for end in ("_bucket", "_sum", "_count"):
        if name.endswith(end) and SERVED.get(name.removesuffix(end)) == Kind.HISTOGRAM:
            return name.removesuffix(end)
    return name


def known(expression: str) -> None:
    """Assert that an expression parses, and reads metrics and labels that exist alone."""
    names = list(named(expression))
    assert names, expression
    labels = {metric.name: set(metric.labels) for metric in catalogue.METRICS}
    for name in names:
        assert name == "up" or family(name) in SERVED, f"{name} is shown by nobody"
    for name, asked in selectors(expression).items():
        for one in asked:
            extra = {"le"} if family(name) != name else {"job"} if name == "up" else set()
            allowed = labels.get(family(name), set()) | extra | {"instance", "job"}
            assert set(one) <= allowed, f"{name} has no label {set(one) - allowed}"


def words_of(expression: str, label: str) -> set[str]:
    """The plain words that an expression asks a label for."""
    texts = re.findall(rf'\b{label}=~?"([^"]*)"', expression)
    # `(call|x)[.]y` stands for call.y and x.y.
    found = set()
    for text in texts:
        for one in re.split(r"\|(?![^(]*\))", text.replace("[.]", ".")):
            if group := re.search(r"\(([^)]*)\)", one):
                found |= {one.replace(group[0], each) for each in group[1].split("|")}
            else:
                found.add(one)
    return found


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: str(rule["alert"]))
def test_an_alert_reads_what_exists_and_says_what_to_do(rule: dict[str, object]) -> None:
    known(str(rule["expr"]))
    notes = rule["annotations"]
    assert isinstance(notes, dict)
    assert set(notes) == {"summary", "what_to_do", "runbook"}
    assert len(notes["summary"]) > 20
    assert len(notes["what_to_do"]) > 30
    assert notes["runbook"] == f"docs/runbook.md#{str(rule['alert']).lower()}"
    assert rule["labels"] in ({"severity": "page"}, {"severity": "ticket"})


def test_what_alerts_ask_for_by_name_is_said_by_somebody() -> None:
    expressions = " ".join(str(rule["expr"]) for rule in ALERTS)
    said = {event for _, _, event in spoken()}
    assert words_of(expressions, "event") <= said
    # From the start on, by whoever says them: else the first of them would not be a rise.
    assert words_of(expressions, "event") == {event for events in catalogue.ALARMS.values() for event in events}
    rows = table("The log")
    for process, known_events in catalogue.ALARMS.items():
        for event in known_events:
            assert rows[event][1] == "error"
            assert process in rows[event][2] or rows[event][2] == "all", event
    reasons = words_of(
        next(str(one["expr"]) for one in ALERTS if one["alert"] == "ConsentgateCallsNotRecorded"), "reason"
    )
    assert reasons == set(catalogue.OUR_FAULTS)
    assert words_of(expressions, "door") <= set(Door)
    assert words_of(expressions, "action") <= set(Action)
    jobs = {job["job_name"]: job["static_configs"][0]["targets"][0] for job in SCRAPE["scrape_configs"]}
    assert words_of(expressions, "job") == set(jobs)
    example = yaml.safe_load((CHECKOUT / "deploy" / "consentgate.yaml").read_text(encoding="utf-8"))["metrics"]
    ports = {f"consentgate-{key.removesuffix('_port')}": f"127.0.0.1:{port}" for key, port in example.items()}
    assert ports == jobs


def test_every_alert_is_in_the_table_and_none_that_does_not_exist() -> None:
    rows = table("Alerts")
    assert {name: row[1] for name, row in rows.items()} == {
        rule["alert"]: rule["labels"]["severity"] for rule in ALERTS
    }


def test_the_runbook_has_a_place_for_every_alert_where_its_link_leads() -> None:
    text = (CHECKOUT / "docs" / "runbook.md").read_text(encoding="utf-8")
    places = re.findall(r"^#+ (Consentgate\w+)$", text, re.MULTILINE)
    assert sorted(places) == sorted(str(rule["alert"]) for rule in ALERTS)
    for target in re.findall(r"\]\(([^)#:]+)\)", PAGE):
        assert (CHECKOUT / "docs" / target).exists(), target


# -- the dashboard

DASHBOARD = json.loads((CHECKOUT / "deploy" / "grafana" / "consentgate.json").read_text(encoding="utf-8"))
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]


@pytest.mark.parametrize("panel", PANELS, ids=lambda panel: str(panel["title"]))
def test_a_panel_reads_what_exists_of_the_chosen_pbx(panel: dict[str, Any]) -> None:
    assert panel["targets"]
    for target in panel["targets"]:
        known(target["expr"])
        assert all(one.get("instance") == "$instance" for asked in selectors(target["expr"]).values() for one in asked)
        shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
        grouped = set(re.findall(r"\w+", " ".join(re.findall(r"\bby \(([^)]*)\)", target["expr"]))))
        assert shown <= grouped | {"instance"}, panel["title"]
        assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${source}"}


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(ids) == len(set(ids))
    places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 for place in places)
    taken = [(x, y) for one in places for x in range(one["x"], one["x"] + one["w"])
             for y in range(one["y"], one["y"] + one["h"])]  # fmt: skip
    assert len(taken) == len(set(taken)), "two panels lie one on the other"
    assert [one["name"] for one in DASHBOARD["templating"]["list"]] == ["source", "instance"]


def test_what_matters_is_on_the_dashboard() -> None:
    shown = {family(name) for panel in PANELS for target in panel["targets"] for name in named(target["expr"])}
    left_out = {"build_info", "start_time_seconds", "stream_connected", "spool_free_files", "spool_level",
                "captures_started_total", "objections_total", "foreign_captures_total", "journal_failing",
                "line_unusable", "incidents_shipped_total", "anchors_stored_total", "last_shipment_time_seconds",
                "server_reachable", "stored_bytes_total"}  # fmt: skip
    assert {metric.name.removeprefix("consentgate_") for metric in catalogue.METRICS} - left_out <= {
        name.removeprefix("consentgate_") for name in shown
    }
