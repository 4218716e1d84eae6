"""Generate one block of all three tables, without defects."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline.data_generator import Options, patients
from pipeline.data_generator import encounters as stays
from pipeline.data_generator import medications as doses
from pipeline.data_generator.pools import pools

TABLES = ("patients", "encounters", "medications")


def make(options: Options, block: int) -> dict[str, pa.Table]:
    """Return the rows of a block by table, as text, with the columns of the bronze contracts.

    A block is drawn as a whole and then cut to size, so its rows do not depend on the number of patients.
    """
    pool = pools(options.locale)
    who = patients.draw(stream(options, block, 0), options, block, pool)
    visits = stays.draw(stream(options, block, 1), options, who, pool)
    encounters, numbers = stays.table(visits, who, stream(options, block, 2), pool)
    streams = stream(options, block, 3), stream(options, block, 5)
    medications, encounter_of = doses.table(visits, numbers, who, streams, pool)
    kept = int(np.searchsorted(visits.who, who.count))
    return {
        "patients": patients.table(who, stream(options, block, 4), pool),
        "encounters": encounters.slice(0, kept),
        "medications": medications.slice(0, int(np.searchsorted(encounter_of, kept))),
    }


def stream(options: Options, block: int, purpose: int) -> np.random.Generator:
    """Return a random stream that depends on seed, block and purpose only (counter-based: Philox)."""
    return np.random.Generator(np.random.Philox(key=[options.seed, (purpose << 40) + block]))
