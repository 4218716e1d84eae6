"""Evaluate SQL expressions on one engine: `python -m tests.support.ask_engine ENGINE`, JSON lists in and out.

Each expression is evaluated over two rows (`id` 0 and 1). The output is type and value of the first row, or
"error".
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from infra.local import engine
from pipeline.glue_jobs.entry_point import SETTINGS


def _answer(spark, expression: str) -> str:
    try:
        frame = spark.sql(f"select {expression} as answer from range(2)")
        [value, *_] = [row["answer"] for row in frame.collect()]
        return f"{frame.schema['answer'].dataType.simpleString()} {value!r}"
    except Exception:
        return "error"


def main(name: str) -> None:
    expressions = json.load(sys.stdin)
    with tempfile.TemporaryDirectory() as folder:
        running = engine.start(name, Path(folder) / "s3", Path(folder) / "work" / "scratch")
        spark = running.new_session()
        for setting, value in SETTINGS.items():
            spark.conf.set(setting, value)
        answers = [_answer(spark, expression) for expression in expressions]
        running.stop()
    print(json.dumps(answers))


if __name__ == "__main__":
    main(sys.argv[1])
