"""Write rules/silence.yml: for each figure, a rule that misses it. Run after a change.

    python deploy/prometheus/make_silence.py

A figure that is missing is not a figure that is good. Each rule sees both: that no site
at all has the figure, and that a site lacks it which publishes others.
"""

from pathlib import Path

from proxy.metrics_contract import CONTRACT, Metric

RULES = Path(__file__).parent / "rules" / "silence.yml"
OPTIONAL = "witness_cosign_timestamp_seconds"  # a site may have no witness
HEAD = """\
# Silence is not compliance. Written by make_silence.py; a test compares the two.
groups:
  - name: ponctuel-silence
    rules:
      - alert: PonctuelSiteSilent
        expr: |
          group by (site) (last_over_time(ponctuel_publication_timestamp_seconds[7d]))
          unless group by (site) (ponctuel_publication_timestamp_seconds)
        for: 5m
        labels: {severity: critical}
        annotations:
          summary: Nothing is known of site {{ $labels.site }} any more.
          summary_fr: On ne sait plus rien du site {{ $labels.site }}.
          runbook: >-
            Check that the service runs and that Prometheus reaches its metrics port. If
            the site was closed on purpose, silence this alert for seven days.
          runbook_fr: >-
            Vérifiez que le service tourne et que Prometheus atteint son port de
            métriques. Si le site a été fermé volontairement, mettez cette alerte en
            sourdine sept jours.
"""
TEXTS = """\
        annotations: &missing
          summary: >-
            {{ $labels.metric }} is missing {{ if $labels.site }}at site
            {{ $labels.site }}{{ else }}everywhere{{ end }}.
          summary_fr: >-
            {{ $labels.metric }} manque {{ if $labels.site }}au site
            {{ $labels.site }}{{ else }}partout{{ end }}.
          runbook: >-
            Check that the service runs, in the version these rules came with, and that
            Prometheus reaches its metrics port. Until then nobody can say whether what
            this figure watches is in order.
          runbook_fr: >-
            Vérifiez que le service tourne, dans la version livrée avec ces règles, et
            que Prometheus atteint son port de métriques. D'ici là, personne ne peut
            dire si ce que ce chiffre surveille est en ordre.
"""


def rule(metric: Metric) -> str:
    name = "ponctuel_" + metric.series[0]
    known = "ponctuel_publication_timestamp_seconds"
    expression = f"absent({name})\n          or "
    if metric.name == OPTIONAL:
        known, expression = f"last_over_time({name}[7d])", ""
    return f"""
      - alert: PonctuelSeriesMissing
        expr: |
          {expression}(group by (site) ({known})
          unless group by (site) ({name}))
        for: 5m
        labels: {{severity: critical, metric: {metric.full_name}}}
"""


def text() -> str:
    first, *others = [rule(metric) for metric in CONTRACT]
    again = "        annotations: *missing\n"
    return HEAD + first + TEXTS + "".join(other + again for other in others)


if __name__ == "__main__":
    RULES.write_text(text())
