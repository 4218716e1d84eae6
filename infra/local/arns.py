"""ARNs of the resources that AWS checks for a call, derived from its service, action and parameters.

Based on AWS's Service Authorization Reference; an action without resource types has the resource ``*``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import unquote

from infra.local.context import ACCOUNT, REGION

Parameters = Mapping[str, Any]


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def of(service: str, action: str, parameters: Parameters, workgroups: Mapping[str, str]) -> list[str]:
    """Return the resource ARNs of a call; `workgroups` gives the workgroup of each query and saved query.

    The result is ``*`` for an unknown service, and if the parameters do not name the resource.
    """
    try:
        return (
            _athena(parameters, workgroups)
            if service == "athena"
            else _BY_SERVICE[service](action, parameters)
        )
    except LookupError:
        return ["*"]


def of_s3(bucket: str, key: str) -> str:
    return f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"


def _glue(action: str, parameters: Parameters) -> list[str]:
    """Return the ARN of a job, or those of catalog, database and table: AWS checks a table's parents too.

    GetDatabase has no table; an action without a table name has the table ``*``.
    """
    if "Job" in action:
        return [arn("glue", f"job/{parameters['JobName']}")]
    database = parameters.get("DatabaseName") or parameters["Name"]
    found = [arn("glue", "catalog"), arn("glue", f"database/{database}")]
    if action != "GetDatabase":
        wanted = parameters.get("TableName") or parameters.get("TableInput", parameters).get("Name", "*")
        found.append(arn("glue", f"table/{database}/{wanted}"))
    return found


def _states(action: str, parameters: Parameters) -> list[str]:
    return [parameters["executionArn"] if "executionArn" in parameters else parameters["stateMachineArn"]]


def _athena(parameters: Parameters, workgroups: Mapping[str, str]) -> list[str]:
    if named := parameters.get("WorkGroup"):
        groups = {named}
    else:
        one = parameters.get("QueryExecutionId") or parameters.get("NamedQueryId")
        several = parameters.get("QueryExecutionIds") or parameters.get("NamedQueryIds") or []
        groups = {workgroups.get(each, "unknown") for each in ([one] if one else several)}
    return sorted(arn("athena", f"workgroup/{group}") for group in groups)


def _logs(action: str, parameters: Parameters) -> list[str]:
    stream = f"log-stream:{parameters['logStreamName']}" if "logStreamName" in parameters else ""
    return [arn("logs", f"log-group:{parameters['logGroupName']}:{stream}")]


def _topic(action: str, parameters: Parameters) -> list[str]:
    if subscription := parameters.get("SubscriptionArn"):  # that of its topic with an id behind it
        return [subscription.rpartition(":")[0]]
    return [parameters["TopicArn"]]


def _role(action: str, parameters: Parameters) -> list[str]:
    return [parameters["RoleArn"]]


def _schedule(action: str, parameters: Parameters) -> list[str]:
    name = parameters["path"].rpartition("/")[2]
    return [arn("scheduler", f"schedule/{parameters.get('GroupName', 'default')}/{name}")]


def _function(action: str, parameters: Parameters) -> list[str]:
    name = unquote(parameters["path"].split("/")[3])
    return [name if name.startswith("arn:") else arn("lambda", f"function:{name}")]


def _secret(action: str, parameters: Parameters) -> list[str]:
    """Return the ARN of a secret; `-000000` stands for the hyphen and six characters that AWS appends."""
    return [arn("secretsmanager", f"secret:{parameters['SecretId']}-000000")]


_BY_SERVICE: dict[str, Callable[[str, Parameters], list[str]]] = {
    "glue": _glue,
    "states": _states,
    "logs": _logs,
    "sns": _topic,
    "sts": _role,
    "scheduler": _schedule,
    "secretsmanager": _secret,
    "lambda": _function,
}
