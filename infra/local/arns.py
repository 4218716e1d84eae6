"""Which resources AWS checks a call against: by service and action, from the request's own parameters.

After AWS's Service Authorization Reference; an action that knows no resource is about ``*``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from infra.local.context import ACCOUNT, REGION

Parameters = Mapping[str, Any]


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def of(service: str, action: str, given: Parameters, workgroups: Mapping[str, str]) -> list[str]:
    """The resources of a call; `workgroups` tells in which one a query, executed or saved, lies.

    A call whose parameters are not known here is about everything: no policy of ours allows that.
    """
    try:
        return _athena(given, workgroups) if service == "athena" else _BY_SERVICE[service](action, given)
    except LookupError:
        return ["*"]


def of_s3(bucket: str, key: str) -> str:
    return f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"


def _glue(action: str, given: Parameters) -> list[str]:
    """Of a table also its database and the catalog are checked."""
    if "Job" in action:
        return [arn("glue", f"job/{given['JobName']}")]
    database = given.get("DatabaseName") or given["Name"]
    found = [arn("glue", "catalog"), arn("glue", f"database/{database}")]
    if action != "GetDatabase":
        wanted = given.get("TableName") or given.get("TableInput", given).get("Name", "*")
        found.append(arn("glue", f"table/{database}/{wanted}"))
    return found


def _states(action: str, given: Parameters) -> list[str]:
    return [given["executionArn"] if "executionArn" in given else given["stateMachineArn"]]


def _athena(given: Parameters, workgroups: Mapping[str, str]) -> list[str]:
    if named := given.get("WorkGroup"):
        groups = {named}
    else:
        one = given.get("QueryExecutionId") or given.get("NamedQueryId")
        several = given.get("QueryExecutionIds") or given.get("NamedQueryIds") or []
        groups = {workgroups.get(each, "unknown") for each in ([one] if one else several)}
    return sorted(arn("athena", f"workgroup/{group}") for group in groups)


def _logs(action: str, given: Parameters) -> list[str]:
    stream = f"log-stream:{given['logStreamName']}" if "logStreamName" in given else ""
    return [arn("logs", f"log-group:{given['logGroupName']}:{stream}")]


def _topic(action: str, given: Parameters) -> list[str]:
    return [given["TopicArn"]]


def _role(action: str, given: Parameters) -> list[str]:
    return [given["RoleArn"]]


def _schedule(action: str, given: Parameters) -> list[str]:
    name = given["path"].rpartition("/")[2]
    return [arn("scheduler", f"schedule/{given.get('GroupName', 'default')}/{name}")]


def _function(action: str, given: Parameters) -> list[str]:
    name = unquote(given["path"].split("/")[3])
    return [name if name.startswith("arn:") else arn("lambda", f"function:{name}")]


_BY_SERVICE: dict[str, Callable[[str, Parameters], list[str]]] = {
    "glue": _glue,
    "states": _states,
    "logs": _logs,
    "sns": _topic,
    "sts": _role,
    "scheduler": _schedule,
    "lambda": _function,
}
