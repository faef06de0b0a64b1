"""How findings, tables, arguments and charts are shown."""

CHART = "application/vnd.vegalite.v6+json"  # the MIME type of a chart in an executed notebook
