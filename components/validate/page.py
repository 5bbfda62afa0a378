"""The anomalies as a page for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jinja2

from components.validate.anomalies import Anomaly
from components.validate.statistics import SplitStats

_PAGE = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Anomalies</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1c2430}
table{border-collapse:collapse;width:100%}th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid #dde3ea;vertical-align:top}
.error{color:#b3261e;font-weight:600}.warning{color:#8a5a00;font-weight:600}.none{color:#1b6e3c;font-weight:600}
</style>
<h1>Anomalies</h1>
<p>{% for split, rows in rows.items() %}{{ split }}: {{ "{:,}".format(rows) }} rows{{ ", " if not loop.last }}{% endfor %}.</p>
{% if anomalies %}
<table><thead><tr><th>Column<th>Severity<th>Anomaly<th>In full</thead><tbody>
{% for a in anomalies %}
<tr><td>{{ a.column }}<td class="{{ a.severity }}">{{ a.severity }}<td>{{ a.short }}<td>{{ a.full }}
{% endfor %}
</tbody></table>
{% else %}<p class="none">None found: the data is what the schema says.</p>{% endif %}
</html>
""")


def anomalies_page(anomalies: Sequence[Anomaly], splits: Mapping[str, SplitStats]) -> str:
    """A self-contained HTML page."""
    return _PAGE.render(anomalies=anomalies, rows={name: stats.rows for name, stats in splits.items()})
