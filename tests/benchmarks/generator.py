"""The generator against a loop over Faker that makes the same patient columns."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from faker import Faker

from pipeline.generator import BLOCK, Options, people
from pipeline.generator.blocks import stream
from pipeline.generator.pools import pools
from pipeline.generator.write import generate, to_csv

LOOP = 3000
VECTOR = 200_000


def speed() -> Iterator[tuple[str, str]]:
    loop = _faker_loop()
    ours = _patients()
    yield "patients a second, a loop over Faker", f"{loop:,.0f}"
    yield "patients a second, this generator (same columns, to CSV)", f"{ours:,.0f}"
    yield "ratio (wanted: at least 100)", f"{ours / loop:,.0f}"
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        made = generate(Options(patients=305_000), Path(folder) / "million")
        seconds = time.perf_counter() - began
    rows = sum(made.rows.values())
    yield "one million encounters: rows by table", ", ".join(f"{n:,} {t}" for t, n in made.rows.items())
    yield "rows a second", f"{rows / seconds:,.0f}"
    yield "bytes a second", f"{made.bytes / seconds / 1e6:,.0f} MB"


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
