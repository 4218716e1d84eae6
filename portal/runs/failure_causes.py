"""Known causes of failed runs, each with a pattern for its error message and the next step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Next = Literal["resume", "fix_data", "new_run", "wait"]


@dataclass(frozen=True)
class Cause:
    """A known cause: `pattern` is searched in error messages and logs; `explanation` is one sentence."""

    name: str
    pattern: str
    explanation: str
    next: Next


CAUSES = (
    Cause(
        "A job was stopped",
        r"\bSTOPPED\b",
        "A Glue job of this run was stopped, but the run itself was not.",
        "resume",
    ),
    Cause(
        "The lake was busy",
        r"LakeBusy|has been writing since",
        "Another run was writing, so this run was refused and changed nothing.",
        "wait",
    ),
    Cause("Nothing to load", r"NoBatches|no batch to process", "There was no batch to process.", "fix_data"),
    Cause(
        "A batch is retired", r"RetiredBatch|is retired", "The run names a batch that was retired.", "new_run"
    ),
    Cause(
        "A batch does not exist",
        r"UnknownBatch|has no manifest|There is no batch",
        "A batch that the run names does not exist, or its import did not finish.",
        "fix_data",
    ),
    Cause("Bad input", r"BadRunInput|run's input", "The input of the run is not valid.", "new_run"),
    Cause(
        "A batch was never loaded",
        r"has no complete silver",
        "The release contains a batch without silver tables.",
        "new_run",
    ),
    Cause(
        "Row counts do not reconcile",
        r"do not reconcile",
        "Rows received do not equal rows loaded plus rows quarantined, so the job stopped.",
        "resume",
    ),
    Cause(
        "Out of time",
        r"TIMEOUT|TIMED_OUT|Timeout(?!Exception)|timed out",
        "The job exceeded its time limit.",
        "resume",
    ),
    Cause(
        "Worker lost",
        r"worker (process )?(ended|died|was killed|went away)|died while|signal|SIGKILL|exit(ed with)? code"
        r"|ExecutorLost|OutOfMemory|Java heap|LaptopCloudEnded|cloud ended while",
        "The worker of the job was lost: killed, out of memory, or switched off.",
        "resume",
    ),
    Cause("Disk full", r"disk is full|No space left|ENOSPC", "The worker's disk is full.", "resume"),
    Cause(
        "Missing permission",
        r"AccessDenied|not authorized|AccessDeniedException",
        "AWS denied the job an action, because its role lacks a permission.",
        "resume",
    ),
    Cause(
        "AWS was busy",
        r"Throttl|TooManyRequests|SlowDown|JobBusy|ConcurrentRunsExceeded|Rate exceeded",
        "AWS throttled the requests of the run.",
        "resume",
    ),
    Cause(
        "AWS could not be reached",
        r"EndpointConnection|ConnectTimeout|ReadTimeout|ConnectionClosed|UnknownHost",
        "The network connection between the job and AWS failed.",
        "resume",
    ),
    Cause(
        "A table does not match its contract",
        r"ContractError|AnalysisException|UNRESOLVED_COLUMN|CAST_INVALID",
        "The columns or types of a table differ from its contract.",
        "fix_data",
    ),
    Cause(
        "A file could not be read",
        r"FileNotFound|FAILED_READ_FILE|CANNOT_READ|NoSuchKey|ParquetDecoding|cannot be read"
        r"|not the file that was imported",
        "A file of a batch or a table is missing or damaged.",
        "fix_data",
    ),
    Cause(
        "Error in the script",
        r"Error at \w+\.py:\d+|Traceback|Error:|Exception",
        "The job's script raised an error.",
        "resume",
    ),
)
"""Known causes; the first whose pattern matches is shown."""

UNKNOWN = Cause("Unknown cause", "", "The cause is unknown. See the error message and the log.", "resume")
