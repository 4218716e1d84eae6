"""Packages of AWS's runtimes, so that deployed code finds the same packages on a laptop.

A Glue or Lambda process sees only the standard library, the deployed code and a directory of links to these
packages.
"""

from __future__ import annotations

import shutil
from importlib.metadata import distribution
from pathlib import Path

LAMBDA = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")
"""Packages of AWS Lambda's Python runtime: the SDK and its dependencies."""

GLUE = (*LAMBDA, "numpy", "pandas", "py4j", "pyarrow", "pyspark", "pytz", "tzdata")
"""Packages of AWS Glue 5.1 that the jobs import; Glue lacks PyYAML, sqlglot, jsonschema and Faker.

https://docs.aws.amazon.com/glue/latest/dg/aws-glue-programming-python-libraries.html
requirements/glue.in pins the versions.
"""


def site(folder: Path, distributions: tuple[str, ...]) -> Path:
    """Fill `folder` with links to the packages of `distributions`, remove everything else, and return it."""
    folder.mkdir(parents=True, exist_ok=True)
    wanted = {}
    for name in distributions:
        found = distribution(name)
        for file in found.files or []:
            top = file.parts[0]
            if not top.startswith(("..", "__pycache__")) and not top.endswith(".pth"):
                wanted[top] = Path(str(found.locate_file(top)))
    for entry in folder.iterdir():
        # a copied lake contains directories instead of links
        if not entry.is_symlink() and entry.is_dir():
            shutil.rmtree(entry)
        elif not entry.is_symlink() or entry.readlink() != wanted.get(entry.name):
            entry.unlink()
    for name, target in wanted.items():
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(target)
    return folder
