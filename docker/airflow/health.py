"""Exits with 0 if Airflow's public health endpoint reports the named component as healthy."""

import json
import sys
from urllib.request import urlopen

with urlopen("http://airflow-webserver:8080/api/v2/monitor/health", timeout=5) as answer:
    report = json.load(answer)
sys.exit(report[sys.argv[1]]["status"] != "healthy")
