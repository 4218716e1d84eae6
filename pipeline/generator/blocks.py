"""One block of all three tables, clean."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipeline.generator import Options, doses, people, stays
from pipeline.generator.pools import pools

TABLES = ("patients", "encounters", "medications")


def make(options: Options, block: int) -> dict[str, pa.Table]:
    """The block's rows as text, the columns those of the bronze contracts.

    A block is always drawn as a whole and cut at the wanted size afterwards: what is left does not depend on it.
    """
    pool = pools(options.locale)
    who = people.draw(stream(options, block, 0), options, block, pool)
    visits = stays.draw(stream(options, block, 1), options, who, pool)
    encounters, ids = stays.table(visits, who, stream(options, block, 2), pool)
    medications, encounter_of = doses.table(visits, ids, who, stream(options, block, 3), pool)
    kept = int(np.searchsorted(visits.who, who.count))
    return {
        "patients": people.table(who, stream(options, block, 4), pool),
        "encounters": encounters.slice(0, kept),
        "medications": medications.slice(0, int(np.searchsorted(encounter_of, kept))),
    }


def stream(options: Options, block: int, purpose: int) -> np.random.Generator:
    """A random stream that depends on seed, block and purpose alone (counter-based: Philox)."""
    return np.random.Generator(np.random.Philox(key=[options.seed, (purpose << 40) + block]))
