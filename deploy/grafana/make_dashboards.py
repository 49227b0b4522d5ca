"""Write the Grafana dashboards, after a change of dpo.py or operations.py.

    python deploy/grafana/make_dashboards.py

The files under dashboards/ are what Grafana reads; a test compares them with this.
"""

import sys
from itertools import count
from pathlib import Path

import dpo
import operations
from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as grafana
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from panels import Look, Panel, Section

FOLDER = Path(__file__).parent / "dashboards"
SOURCE = models.DataSourceRef(type_val="prometheus", uid="${ds}")
GOOD, BAD = "green", "red"
LIMIT_LINE = [
    models.DynamicConfigValue("color", {"mode": "fixed", "fixedColor": BAD}),
    models.DynamicConfigValue("custom.lineStyle", {"fill": "dash", "dash": [10, 10]}),
]
ALERT_COLUMNS = {
    "excludeByName": {"Time": True, "Value": True},
    "renameByName": {"alertname": "Alerte", "severity": "Gravité", "metric": "Série"},
}


def write(folder: Path) -> None:
    """Every dashboard as one file of Grafana's JSON."""
    for uid, title, about, sections in (
        (
            "ponctuel-dpo",
            "Ponctuel : vue du DPO",
            "What a data-protection officer needs to see and to decide.",
            dpo.SECTIONS,
        ),
        (
            "ponctuel-operations",
            "Ponctuel : exploitation",
            "What the operator needs: does it run, is it fresh, what fails and why.",
            operations.SECTIONS,
        ),
    ):
        board = _board(uid, title, about, sections).build()
        text = JSONEncoder(sort_keys=True, indent=1, ensure_ascii=False).encode(board)
        (folder / f"{uid}.json").write_text(text + "\n")


def _board(
    uid: str, title: str, about: str, sections: tuple[Section, ...]
) -> grafana.Dashboard:
    board = (
        grafana.Dashboard(title)
        .uid(uid)
        .description(about)
        .tags(["ponctuel"])
        .readonly()
        .refresh("1m")
        .time("now-30d", "now")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .with_variable(_source_variable())
        .with_variable(_site_variable())
    )
    ids = count(1)
    for section in sections:
        board.with_row(grafana.Row(section.title).id(next(ids)))
        for panel in section.panels:
            board.with_panel(_panel(panel).id(next(ids)))
    return board


def _source_variable() -> grafana.DatasourceVariable:
    ours = models.VariableOption(text="Prometheus", value="ponctuel-prometheus")
    hidden = models.VariableHide.HIDE_VARIABLE
    return (
        grafana.DatasourceVariable("ds").type("prometheus").current(ours).hide(hidden)
    )


def _site_variable() -> grafana.QueryVariable:
    query = "label_values(ponctuel_publication_interval_seconds, site)"
    return (
        grafana.QueryVariable("site")
        .label("Site")
        .datasource(SOURCE)
        .query({"query": query, "refId": "site"})
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
    )


def _panel(panel: Panel) -> Builder:
    made = {
        Look.NUMBER: _number,
        Look.LINES: _lines,
        Look.BARS: _bars,
        Look.TABLE: _table,
    }[panel.look](panel)
    made.title(panel.title).description(panel.about).datasource(SOURCE)
    made.span(panel.width).height(panel.height)
    for ref, (expression, legend) in zip("ABCDE", panel.queries, strict=False):
        made.with_target(_query(panel, ref, expression, legend))
    return made


def _query(
    panel: Panel, ref: str, expression: str, legend: str
) -> prometheus.Dataquery:
    query = prometheus.Dataquery().datasource(SOURCE).ref_id(ref).expr(expression)
    query.legend_format(legend or "__auto")
    if panel.look is Look.LINES:
        return query.range()
    if panel.look is Look.TABLE:
        query.format(PromQueryFormat.TABLE)
    return query.instant()


def _thresholds(panel: Panel) -> grafana.ThresholdsConfig:
    """Green on the good side of the limit, red on the other."""
    below, above = (BAD, GOOD) if panel.is_floor else (GOOD, BAD)
    steps = [models.Threshold(color=GOOD if panel.limit is None else below)]
    if panel.limit is not None:
        steps.append(models.Threshold(color=above, value=panel.limit))
    mode = models.ThresholdsMode.ABSOLUTE
    return grafana.ThresholdsConfig().mode(mode).steps(steps)


def _last() -> common.ReduceDataOptions:
    return common.ReduceDataOptions().calcs(["lastNotNull"])


def _number(panel: Panel) -> stat.Panel:
    return (
        stat.Panel()
        .unit(panel.unit)
        .no_value("?")
        .thresholds(_thresholds(panel))
        .color_mode(common_models.BigValueColorMode.BACKGROUND)
        .graph_mode(common_models.BigValueGraphMode.NONE)
        .reduce_options(_last())
    )


def _legend() -> common.VizLegendOptions:
    mode, below = common_models.LegendDisplayMode, common_models.LegendPlacement
    return (
        common.VizLegendOptions()
        .display_mode(mode.LIST)
        .placement(below.BOTTOM)
        .show_legend(True)
    )


def _lines(panel: Panel) -> timeseries.Panel:
    made = (
        timeseries.Panel()
        .unit(panel.unit)
        .no_value("?")
        .thresholds(_thresholds(panel))
        .override_by_regexp("/^limite/", LIMIT_LINE)
        .legend(_legend())
    )
    if panel.limit is not None:
        line = common_models.GraphTresholdsStyleMode.LINE
        made.thresholds_style(common.GraphThresholdsStyleConfig().mode(line))
    return made


def _bars(panel: Panel) -> bargauge.Panel:
    return (
        bargauge.Panel()
        .unit(panel.unit)
        .no_value("?")
        .min(0)
        .thresholds(_thresholds(panel))
        .orientation(common_models.VizOrientation.HORIZONTAL)
        .reduce_options(_last())
    )


def _table(_: Panel) -> table.Panel:
    columns = models.DataTransformerConfig(id_val="organize", options=ALERT_COLUMNS)
    made = table.Panel().no_value("Aucune alerte").show_header(True)
    return made.with_transformation(columns)


if __name__ == "__main__":
    write(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
