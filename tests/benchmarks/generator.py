"""The generator compared with a loop over Faker and with DuckDB writing the same rows."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb
from faker import Faker

from pipeline.data_generator import BLOCK, Options
from pipeline.data_generator import patients as people
from pipeline.data_generator.blocks import TABLES, stream
from pipeline.data_generator.pools import pools
from pipeline.data_generator.writer import generate, to_csv
from tests.benchmarks.figures import Figure, Size, seconds

LOOP = 3000
VECTOR = 200_000


def speed(size: Size) -> Iterator[Figure]:
    loop = _faker_loop(LOOP if size.first_sample else 10)
    yield Figure(
        "patients generated, the same columns to CSV", _patients(size), "/s", "a loop over Faker", loop
    )
    yield from against_duckdb(size.patients)


def against_duckdb(patients: int) -> Iterator[Figure]:
    """Compare generating to files (2 % defects) with DuckDB writing the same rows as CSV from memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pools("en_US")
        took = seconds(lambda: generate(Options(patients=patients, defect_rate=0.02), folder / "generated"))
        peer = _duckdb(folder)
    yield Figure(f"{patients:,} patients generated", took, "s", "DuckDB writing the same rows", peer)


def _duckdb(folder: Path) -> float:
    """Median seconds of three times; rows with an extra field are left out."""
    with duckdb.connect(config={"threads": 2}) as con:
        for table in TABLES:
            source = f"read_csv('{folder}/generated/{table}.csv', all_varchar = true, ignore_errors = true)"
            con.execute(f"CREATE TABLE {table} AS FROM {source}")
        return seconds(lambda: [con.execute(f"COPY {t} TO '{folder}/{t}.csv' (HEADER)") for t in TABLES], 3)


def memory(size: Size) -> Iterator[Figure]:
    small, large = size.patients, 10 * size.patients
    peak = f"peak memory at {small:,} patients"
    yield Figure(f"peak memory at {large:,} patients", _peak(large) / 1024, "MB", peak, _peak(small) / 1024)


def _faker_loop(patients: int) -> float:
    fake = Faker("en_US")
    fake.seed_instance(1)
    out = csv.writer(io.StringIO())
    began = time.perf_counter()
    for number in range(patients):
        out.writerow(
            [
                f"P{number:08d}",
                f"MRN{number:08d}",
                fake.first_name(),
                fake.last_name(),
                fake.date_of_birth(maximum_age=100).isoformat(),
                "",
                fake.random_element(("F", "M")),
                fake.random_element(people.RACES),
                fake.random_element(("Hispanic or Latino", "Not Hispanic or Latino")),
                fake.random_element(("M", "S", "W", "D")),
                fake.random_element(("en", "es", "zh", "vi")),
                fake.street_address(),
                fake.city(),
                fake.state_abbr(),
                fake.postcode(),
                fake.phone_number(),
                fake.email(),
                fake.random_element(people.PAYERS),
                fake.date_time_this_year().isoformat(),
            ]
        )
    return patients / (time.perf_counter() - began)


def _patients(size: Size) -> float:
    pools("en_US")  # made once a process, whatever the size
    options = Options(patients=VECTOR if size.first_sample else 1)
    began = time.perf_counter()
    for block in range(options.blocks):
        pool = pools(options.locale)
        who = people.draw(stream(options, block, 0), options, block, pool)
        to_csv(people.table(who, stream(options, block, 4), pool))
    return options.blocks * BLOCK / (time.perf_counter() - began)


def _peak(patients: int) -> int:
    """Return the peak memory (kB) of a process that writes that many patients."""
    program = (
        "import resource, sys, tempfile\n"
        "from pathlib import Path\n"
        "from pipeline.data_generator import Options\n"
        "from pipeline.data_generator.writer import generate\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        f"    generate(Options(patients={patients}), Path(folder) / 'out')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return int(done.stdout)
