"""Estimate the monthly cost of an installation from its planned resources and assumed use, at list prices.

Usage: python -m infra.costs.table small=PLAN.json standard=PLAN.json, with plans from `terraform show -json`.
prices.json has the prices, use.json the assumed use. infra/README.md contains the printed table; a test
compares the two.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent
PRICES: dict[str, Any] = json.loads((FOLDER / "prices.json").read_text())
USE: dict[str, Any] = json.loads((FOLDER / "use.json").read_text())
COLUMNS = (
    ("small", "50 thousand"),
    ("small", "1 million"),
    ("standard", "1 million"),
    ("standard", "10 million"),
)

Resources = Mapping[str, list[dict[str, Any]]]


def resources(plan: Mapping[str, Any]) -> Resources:
    """Return the values of a plan's managed resources, by resource type."""
    found: dict[str, list[dict[str, Any]]] = {}
    for module in _modules(plan["planned_values"]["root_module"]):
        for each in module.get("resources", []):
            if each.get("mode") == "managed":
                found.setdefault(each["type"], []).append(each.get("values", {}))
    return found


def _modules(module: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield module
    for child in module.get("child_modules", []):
        yield from _modules(child)


def standing(planned: Resources) -> dict[str, float]:
    """Return the monthly costs that do not depend on the number of rows, in dollars by item."""
    price, hours = PRICES, PRICES["hours"]
    counts = {kind: len(found) for kind, found in planned.items()}
    endpoints = sum(
        len(each["subnet_ids"] or []) or counts["aws_subnet"] // 2
        for each in planned.get("aws_vpc_endpoint", [])
        if each["vpc_endpoint_type"] == "Interface"
    )
    [task], [service] = planned["aws_ecs_task_definition"], planned["aws_ecs_service"]
    vcpu, memory = int(task["cpu"]) / 1024, int(task["memory"]) / 1024
    hour = vcpu * price["fargate_arm_vcpu_hour"] + memory * price["fargate_arm_gb_hour"]
    firewall = sum(
        price["firewall"] + len(acl["rule"]) * price["firewall_rule"]
        for acl in planned.get("aws_wafv2_web_acl", [])
    )
    requests = USE["requests_millions"] * price["firewall_million_requests"] if firewall else 0
    is_watched = planned["aws_ecs_cluster"][0]["setting"][0]["value"] == "enabled"
    gateways = counts.get("aws_nat_gateway", 0)
    addresses = gateways + counts["aws_subnet"] // 2
    return {
        "endpoints": endpoints * hours * price["endpoint_hour"],
        "NAT gateway": gateways * (hours * price["nat_hour"] + USE["nat_gb"] * price["nat_gb"]),
        "portal": service["desired_count"] * hours * hour,
        "load balancer": counts["aws_lb"] * hours * (price["balancer_hour"] + price["balancer_lcu_hour"]),
        "public addresses": addresses * hours * price["address_hour"],
        "firewall": firewall + requests,
        "Container Insights": USE["insights_metrics"] * price["insights_metric"] if is_watched else 0,
        "key, secret, alarms, dashboard, logs, images": counts["aws_kms_key"] * price["key"]
        + counts["aws_secretsmanager_secret"] * price["secret"]
        + counts["aws_cloudwatch_metric_alarm"] * price["alarm"]
        + counts["aws_cloudwatch_dashboard"] * price["dashboard"]
        + USE["log_gb"] * price["log_gb"]
        + USE["image_gb"] * price["image_gb"],
    }


def by_rows(planned: Resources, encounters: str) -> dict[str, float]:
    """Return the monthly costs that grow with the number of rows, in dollars by item.

    `encounters` is a key of `by_encounters` in use.json.
    """
    price, use = PRICES, USE["by_encounters"][encounters]
    dpus = sum(job["number_of_workers"] for job in planned["aws_glue_job"] if "generate" not in job["name"])
    csv, minutes = use["csv_gb"], use["minutes_a_job"]
    puts, steps = USE["runs"] * use["thousand_puts"], USE["runs"] * use["steps"]
    kept = (
        USE["nights_standard"]
        + 365 * USE["silver_share_of_csv"]
        + USE["nights_of_gold"] * USE["gold_share_of_csv"]
    )
    return {
        "Glue": dpus * minutes / 60 * price["dpu_hour"] * USE["runs"],
        "Athena": USE["queries"] * use["mb_a_query"] / 1e6 * price["athena_tb"],
        "S3 Standard": csv * kept * price["s3_standard_gb"],
        "S3 Glacier Instant Retrieval": csv * USE["nights_glacier"] * price["s3_glacier_ir_gb"],
        "requests to S3, KMS and Step Functions": puts * price["s3_thousand_puts"]
        + puts * 10 * price["s3_thousand_gets"]
        + USE["kms_requests"] / 10_000 * price["kms_ten_thousand"]
        + steps / 1000 * price["thousand_steps"],
    }


def table(planned: Mapping[str, Resources]) -> str:
    """Return the monthly costs of `COLUMNS`, in dollars, as a Markdown table.

    `planned` has the resources of each size.
    """
    columns = [{**standing(planned[size]), **by_rows(planned[size], rows)} for size, rows in COLUMNS]
    titles = " | ".join(f"{size}, {rows} encounters" for size, rows in COLUMNS)
    lines = [f"| | {titles} |", "| --- |" + " --- |" * len(COLUMNS)]
    for item in columns[0]:
        lines.append(f"| {item} | " + " | ".join(f"{column[item]:.1f}" for column in columns) + " |")
    totals = " | ".join(f"**about {sum(column.values()):.0f}**" for column in columns)
    return "\n".join([*lines, f"| **together** | {totals} |", ""])


if __name__ == "__main__":
    given = dict(each.split("=", 1) for each in sys.argv[1:])
    plans = {size: resources(json.loads(Path(path).read_text())) for size, path in given.items()}
    sys.stdout.write(table(plans))
