"""`python -m tests.benchmarks [generator|memory|runs|quality|pages …]`; all without a name."""

from __future__ import annotations

import sys

from tests.benchmarks import generator, pages, quality, runs

BENCHES = {
    "generator": generator.speed,
    "memory": generator.memory,
    "runs": runs.warm_against_spark_submit,
    "quality": quality.cost,
    "pages": pages.scripts,
}


def main() -> None:
    wanted = sys.argv[1:] or list(BENCHES)
    unknown = [name for name in wanted if name not in BENCHES]
    if unknown:
        sys.exit(f"There is no benchmark '{unknown[0]}': there are {', '.join(BENCHES)}.")
    for name in wanted:
        print(f"\n{name}", flush=True)
        for label, value in BENCHES[name]():
            print(f"  {label:<64} {value}", flush=True)


if __name__ == "__main__":
    main()
