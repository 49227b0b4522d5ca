"""`make bench`: every benchmark of this folder, one after the other."""

import sys

from tests.benchmarks import (
    bench_decisions,
    bench_finding,
    bench_forgetting,
    bench_objects,
    bench_packages,
    bench_scrape,
    bench_sealing,
    bench_simulation,
    bench_tree,
    bench_verify,
)
from tests.benchmarks.rows import conditions, print_rows

if __name__ == "__main__":
    found = []
    for module in (
        bench_sealing,
        bench_objects,
        bench_forgetting,
        bench_finding,
        bench_packages,
        bench_tree,
        bench_verify,
        bench_simulation,
        bench_scrape,
        bench_decisions,
    ):
        sys.stderr.write(f"measuring {module.__name__} ...\n")
        found += module.rows()
    libraries = (
        *("aiobotocore", "aiohttp", "asyncpg", "cryptography"),
        *("numpy", "phonenumbers"),
    )
    print_rows(found, conditions(*libraries), as_json="--json" in sys.argv)
