"""The Grafana dashboard, from typed parts: what an operator looks at first stands at the top.

Knows nothing of the files it ends in (`export`). Its queries are held against the worker's metrics by a test.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    StackingMode,
    TooltipDisplayMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableRefresh,
)

HERE = '{namespace=~"$namespace"}'
SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
STAT_HEIGHT, STAT_WIDTH = 4, 3
GRAPH_HEIGHT, GRAPH_WIDTH = 8, 12


@dataclass(frozen=True, slots=True)
class Number:
    """One number at the top: green at 0, red above, unless it says otherwise."""

    title: str
    query: str
    help: str
    is_good_above_zero: bool = False
    unit: str = "short"


@dataclass(frozen=True, slots=True)
class Graph:
    """Lines over time: legend to query."""

    title: str
    queries: Mapping[str, str]
    help: str
    unit: str = "short"
    is_stacked: bool = False


NUMBERS = (
    Number("Workers consuming", f"sum(fapiao_consuming{HERE})", "Taking commands.", is_good_above_zero=True),
    Number("Workers publishing", f"sum(fapiao_publishing{HERE})", "Telling events.", is_good_above_zero=True),
    Number("Overdue", f"max(fapiao_commands_overdue{HERE})", "Past their deadline and not failed yet."),
    Number("For a person", f"max(fapiao_commands_needing_person{HERE})", "In doubt: fapiao-worker resolve."),
    Number("Outbox late by", f"max(fapiao_outbox_overdue_seconds{HERE})", "The first copy in its row.", unit="s"),
    Number("Undeliverable", f"max(fapiao_undeliverable_replies{HERE})", "fapiao-worker replies list."),
    Number("Accounts resting", f"max(fapiao_suspended_accounts{HERE})", "After refused logins."),
    Number("Gateway open", f"max(fapiao_gateway_gate_open{HERE})", "0: only probes.", is_good_above_zero=True),
    Number("Details open", f"max(fapiao_details_gate_open{HERE})", "Items, files.", is_good_above_zero=True),
    Number("Journal up", f"min(fapiao_journal_up{HERE})", "Whether it answered all.", is_good_above_zero=True),
)

ROWS: Mapping[str, Sequence[Graph]] = {
    "Commands": (
        Graph(
            "Taken in",
            {"{{outcome}}": f"sum by (outcome) (rate(fapiao_commands_admitted_total{HERE}[$__rate_interval]))"},
            "Messages per second, by what admission made of them.",
            "ops",
            is_stacked=True,
        ),
        Graph(
            "Ended",
            {
                "{{outcome}} {{code}}": "sum by (outcome, code) "
                f"(rate(fapiao_commands_settled_total{HERE}[$__rate_interval]))"
            },
            "Commands per second, by outcome and failure code.",
            "ops",
            is_stacked=True,
        ),
        Graph(
            "Not ended",
            {
                "waiting": f"max(fapiao_commands_waiting{HERE})",
                "held": f"max(fapiao_commands_held{HERE})",
                "in doubt": f"max(fapiao_commands_in_doubt{HERE})",
            },
            "What the journal holds. Held: could not be told from one in doubt.",
        ),
        Graph(
            "Oldest",
            {
                "waiting": f"max(fapiao_oldest_waiting_age_seconds{HERE})",
                "submitted, going on": f"max(fapiao_oldest_submitted_age_seconds{HERE})",
                "in doubt": f"max(fapiao_oldest_in_doubt_age_seconds{HERE})",
            },
            "Age of the oldest of each.",
            "s",
        ),
    ),
    "Look-ups and queries": (
        Graph(
            "Schedules for an invoice",
            {"{{verdict}}": f"sum by (verdict) (rate(fapiao_look_ups_total{HERE}[$__rate_interval]))"},
            "Per second, by what a look meant for one command whose invoice is sought.",
            "ops",
        ),
        Graph(
            "Runs that broke",
            {"{{type}} {{outcome}}": f"sum by (type, outcome) (increase(fapiao_breaks_total{HERE}[$__rate_interval]))"},
            "Faults of the worker's own, which should not be: fapiao-worker list --state broken.",
        ),
        Graph(
            "Sought, never found",
            {
                "sought": f"max(fapiao_commands_sought{HERE})",
                "unconfirmed": f"max(fapiao_commands_unconfirmed{HERE})",
            },
            "Unconfirmed: issued, and no look-up found the number (fapiao-worker list --state unconfirmed).",
        ),
        Graph(
            "Audits",
            {
                "{{kind}}": f"sum by (kind) (increase(fapiao_audit_findings_total{HERE}[$__rate_interval]))",
                "audits, list {{list}}": f"sum by (list) (increase(fapiao_audits_total{HERE}[$__rate_interval]))",
            },
            "What does not add up, or was put right; an audit whose list was cut calls nothing missing.",
        ),
        Graph(
            "Queries",
            {
                "pages": f"sum(rate(fapiao_pages_total{HERE}[$__rate_interval]))",
                "invoices": f"sum(rate(fapiao_invoices_found_total{HERE}[$__rate_interval]))",
                "files": f"sum(rate(fapiao_files_found_total{HERE}[$__rate_interval]))",
            },
            "Per second.",
            "ops",
        ),
    ),
    "Gateway": (
        Graph(
            "Answers, 95 of 100 within",
            {
                "{{operation}}": "histogram_quantile(0.95, sum by (le, operation) "
                f"(rate(fapiao_gateway_latency_seconds_bucket{HERE}[$__rate_interval])))"
            },
            "From a request to the gateway's answer.",
            "s",
        ),
        Graph(
            "Lanes and sessions",
            {
                "lanes": f"sum(fapiao_lanes_active{HERE})",
                "sessions": f"sum(fapiao_sessions_open{HERE})",
                "limit": f"sum(fapiao_lanes_limit{HERE})",
            },
            "Over all replicas. A lane is one userId at work.",
        ),
        Graph(
            "Submissions and refused logins",
            {
                "submissions": f"sum(rate(fapiao_submissions_total{HERE}[$__rate_interval]))",
                "logins refused": f"sum(rate(fapiao_login_refusals_total{HERE}[$__rate_interval]))",
            },
            "Per second.",
            "ops",
        ),
        Graph(
            "Frames that said nothing",
            {"{{reason}}": f"sum by (reason) (rate(fapiao_frames_ignored_total{HERE}[$__rate_interval]))"},
            "does_not_fit, repeated and unsolicited are results that belong to no running command.",
            "ops",
        ),
    ),
    "Events": (
        Graph(
            "Publishing",
            {
                "{{copy}} {{verdict}}": "sum by (copy, verdict) "
                f"(rate(fapiao_events_published_total{HERE}[$__rate_interval]))"
            },
            "Copies per second, by the broker's verdict.",
            "ops",
            is_stacked=True,
        ),
        Graph(
            "Outbox",
            {"copies": f"max(fapiao_outbox_depth{HERE})"},
            "Copies the broker has not confirmed, those put off included.",
        ),
        Graph(
            "Outbox, oldest copy",
            {
                "could have gone": f"max(fapiao_outbox_overdue_seconds{HERE})",
                "any": f"max(fapiao_outbox_oldest_age_seconds{HERE})",
            },
            "Replies to a queue that is missing are put off for up to a day; they count as any.",
            "s",
        ),
        Graph(
            "Dead letters",
            {"{{code}}": f"sum by (code) (increase(fapiao_dead_letters_total{HERE}[$__rate_interval]))"},
            "Messages that were no command.",
        ),
        Graph(
            "Dead queue",
            {
                "held": f"max(fapiao_dead_queue_messages{HERE})",
                "{{reason}}": f"sum by (reason) (increase(fapiao_commands_returned_total{HERE}[$__rate_interval]))",
            },
            "Messages that wait for a person, and commands that the broker itself had dead-lettered.",
        ),
    ),
    "Processes": (
        Graph(
            "Log lines lost",
            {"{{instance}}": f"max by (instance) (fapiao_log_lines_dropped{HERE})"},
            "Lines that could not be written since the start: a full disk, or a reader that is gone.",
        ),
        Graph(
            "Event loop late by",
            {"{{instance}}": f"max by (instance) (fapiao_event_loop_lag_seconds{HERE})"},
            "Starved of CPU above a second.",
            "s",
        ),
        Graph(
            "Memory",
            {"{{instance}}": f"max by (instance) (process_resident_memory_bytes{HERE})"},
            "Resident.",
            "bytes",
        ),
        Graph(
            "Leases lost, drains",
            {
                "lost {{instance}}": f"increase(fapiao_lease_losses_total{HERE}[$__rate_interval])",
                "draining {{instance}}": f"fapiao_draining{HERE}",
            },
            "A lost lease closes every session of that worker.",
        ),
        Graph("Versions", {"{{version}}": f"sum by (version) (fapiao_build_info{HERE})"}, "Replicas of each."),
    ),
}


def build() -> str:
    """The dashboard as JSON."""
    board = (
        dashboard.Dashboard("Fapiao Worker")
        .uid("fapiao-worker")
        .tags(["fapiao-worker"])
        .refresh("30s")
        .time("now-3h", "now")
        .timezone("browser")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .readonly()
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
        .with_variable(_namespace())
    )
    ids = count(1)
    for number in NUMBERS:
        board = board.with_panel(_stat(number).id(next(ids)))
    for title, graphs in ROWS.items():
        board = board.with_row(dashboard.Row(title).id(next(ids)))
        for graph in graphs:
            board = board.with_panel(_graph(graph).id(next(ids)))
    return JSONEncoder(sort_keys=True, indent=2).encode(board.build()) + "\n"


def _namespace() -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable("namespace")
        .label("Namespace")
        .query("label_values(fapiao_build_info, namespace)")
        .datasource(SOURCE)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .include_all(include_all=True)
        .all_value(".*")  # matches a series without the label, too: outside of Kubernetes there is none
        .multi(multi=True)
    )


def _stat(number: Number) -> stat.Panel:
    at_zero, above = ("red", "green") if number.is_good_above_zero else ("green", "red")
    steps = [Threshold(value=None, color=at_zero), Threshold(value=0.0001, color=above)]
    return (
        stat.Panel()
        .title(number.title)
        .description(number.help)
        .datasource(SOURCE)
        .unit(number.unit)
        .height(STAT_HEIGHT)
        .span(STAT_WIDTH)
        .color_mode(BigValueColorMode.BACKGROUND)
        .graph_mode(BigValueGraphMode.NONE)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(values=False))
        .thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
        .with_target(prometheus.Dataquery().expr(number.query).instant().ref_id("A"))
    )


def _graph(graph: Graph) -> timeseries.Panel:
    panel = (
        timeseries.Panel()
        .title(graph.title)
        .description(graph.help)
        .datasource(SOURCE)
        .unit(graph.unit)
        .min(0)
        .height(GRAPH_HEIGHT)
        .span(GRAPH_WIDTH)
        .draw_style(GraphDrawStyle.LINE)
        .fill_opacity(10)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.LIST)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
        )
        .tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    )
    if graph.is_stacked:
        panel = panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    for place, (legend, query) in enumerate(graph.queries.items()):
        panel = panel.with_target(
            prometheus.Dataquery().expr(query).range().legend_format(legend).ref_id(chr(ord("A") + place))
        )
    return panel
