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

from pipeline.generator import BLOCK, Options, people
from pipeline.generator.blocks import TABLES, stream
from pipeline.generator.pools import pools
from pipeline.generator.write import generate, to_csv

LOOP = 3000
VECTOR = 200_000
MILLION = 305_000
"""Patients with one million encounters."""


def speed() -> Iterator[tuple[str, str]]:
    loop = _faker_loop()
    ours = _patients()
    yield "patients a second, a loop over Faker", f"{loop:,.0f}"
    yield "patients a second, this generator (same columns, to CSV)", f"{ours:,.0f}"
    yield "ratio (wanted: at least 100)", f"{ours / loop:,.0f}"
    yield from against_duckdb()


def against_duckdb(patients: int = MILLION) -> Iterator[tuple[str, str]]:
    """Generate with 2 % defects to files; then DuckDB, with two threads, writes these rows as CSV from memory."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pools("en_US")
        wall, cpu = time.perf_counter(), time.process_time()
        made = generate(Options(patients=patients, defect_rate=0.02), folder / "generated")
        ours = time.perf_counter() - wall, time.process_time() - cpu
        peers = _duckdb(folder)
    yield "rows by table", ", ".join(f"{n:,} {t}" for t, n in made.rows.items())
    yield "generator, 2 % defects, to CSV: seconds (CPU)", f"{ours[0]:.1f} ({ours[1]:.1f})"
    yield "DuckDB, the same rows from memory: seconds (CPU)", f"{peers[0]:.1f} ({peers[1]:.1f})"
    yield "ratio (wanted: at most 3)", f"{ours[0] / peers[0]:.1f} ({ours[1] / peers[1]:.1f})"
    yield "bytes a second", f"{made.bytes / ours[0] / 1e6:,.0f} MB"


def _duckdb(folder: Path) -> tuple[float, float]:
    """Median wall and CPU seconds of three times; rows with an extra field are left out."""
    measured = []
    with duckdb.connect(config={"threads": 2}) as con:
        for table in TABLES:
            source = f"read_csv('{folder}/generated/{table}.csv', all_varchar = true, ignore_errors = true)"
            con.execute(f"CREATE TABLE {table} AS FROM {source}")
        for _ in range(3):
            wall, cpu = time.perf_counter(), time.process_time()
            for table in TABLES:
                con.execute(f"COPY {table} TO '{folder}/{table}.csv' (HEADER)")
            measured.append((time.perf_counter() - wall, time.process_time() - cpu))
    return sorted(measured)[1]


def memory() -> Iterator[tuple[str, str]]:
    peaks = {patients: _peak(patients) for patients in (100_000, 1_000_000)}
    for patients, peak in peaks.items():
        yield f"peak memory at {patients:,} patients", f"{peak / 1024:,.0f} MB"
    small, large = peaks.values()
    yield "ratio (wanted: at most 1.3)", f"{large / small:.2f}"


def _faker_loop() -> float:
    fake = Faker("en_US")
    fake.seed_instance(1)
    out = csv.writer(io.StringIO())
    began = time.perf_counter()
    for number in range(LOOP):
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
    return LOOP / (time.perf_counter() - began)


def _patients() -> float:
    pools("en_US")  # made once a process, whatever the size
    options = Options(patients=VECTOR)
    began = time.perf_counter()
    for block in range(options.blocks):
        pool = pools(options.locale)
        who = people.draw(stream(options, block, 0), options, block, pool)
        to_csv(people.table(who, stream(options, block, 4), pool))
    return options.blocks * BLOCK / (time.perf_counter() - began)


def _peak(patients: int) -> int:
    """Peak resident kB of a process of its own that writes that many patients with all that belongs to them."""
    program = (
        "import resource, sys, tempfile\n"
        "from pathlib import Path\n"
        "from pipeline.generator import Options\n"
        "from pipeline.generator.write import generate\n"
        "with tempfile.TemporaryDirectory() as folder:\n"
        f"    generate(Options(patients={patients}), Path(folder) / 'out')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return int(done.stdout)
