"""`python pit-peer-polars.py WORLD OUT`: polars join_asof over the source files, back in the spine's order: no ties, no ttl."""

import json
import resource
import sys
import time
import warnings

import polars as pl

warnings.filterwarnings("ignore")
world = json.loads(sys.argv[1])
started = time.perf_counter()
joined = pl.scan_parquet(f"{world['dir']}/spine.parquet").with_row_index("row").sort("t")
for view in range(world["views"]):
    source = pl.scan_parquet(f"{world['dir']}/source{view}/*/*.parquet", hive_partitioning=False).drop("created")
    named = source.rename({f"f{at}": f"users{view}__f{at}" for at in range(10)})
    joined = joined.join_asof(named, left_on="t", right_on="event_time", by="user_id", strategy="backward").drop("event_time")
joined.sort("row").drop("row").collect().write_parquet(sys.argv[2])
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "seconds": time.perf_counter() - started,
    "cpuSeconds": usage.ru_utime + usage.ru_stime,
    "peakMb": usage.ru_maxrss / 1024,
}))
