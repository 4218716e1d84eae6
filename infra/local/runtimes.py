"""What AWS's own runtimes have installed, so that deployed code finds no more on a laptop than it will find there.

A folder of links to those packages alone is all that a Glue or Lambda process sees, with the standard library and the
code that was deployed.
"""

from __future__ import annotations

import shutil
from importlib.metadata import distribution
from pathlib import Path

LAMBDA = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")
"""AWS Lambda's Python runtimes: the SDK."""

GLUE = (*LAMBDA, "numpy", "pandas", "py4j", "pyarrow", "pyspark", "pytz", "tzdata")
"""Of AWS Glue 5.1 what the jobs import; it has no PyYAML, sqlglot, jsonschema or Faker.

https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-python-libraries.html
requirements/glue.in has the versions.
"""


def site(folder: Path, distributions: tuple[str, ...]) -> Path:
    """`folder`, holding links to the packages of `distributions` and nothing else."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {}
    for name in distributions:
        found = distribution(name)
        for file in found.files or []:
            top = file.parts[0]
            if not top.startswith(("..", "__pycache__")) and not top.endswith(".pth"):
                wanted[top] = Path(str(found.locate_file(top)))
    for entry in folder.iterdir():
        if (
            not entry.is_symlink() and entry.is_dir()
        ):  # of a lake that was copied with what its links point to
            shutil.rmtree(entry)
        elif not entry.is_symlink() or entry.readlink() != wanted.get(entry.name):
            entry.unlink()
    for name, target in wanted.items():
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(target)
    return folder
