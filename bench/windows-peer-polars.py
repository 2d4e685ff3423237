"""`python windows-peer-polars.py WORLD OUT`: the same asked of polars' rolling aggregates over source and spine in one frame."""

import json
import resource
import sys
import time

import polars as pl

world = json.loads(sys.argv[1])
started = time.perf_counter()
events = pl.scan_parquet(f"{world['dir']}/source/*/*.parquet", hive_partitioning=False)
spine = pl.scan_parquet(f"{world['dir']}/spine.parquet").with_row_index("row")
spine = spine.with_columns(event_time=pl.col("t").dt.truncate("1h"))
both = pl.concat([events, spine], how="diagonal").sort("user_id", "event_time")


def aggregate(name, operation, column):
    value = pl.col(column)
    named = {"avg": value.mean, "stddev": value.std, "first": value.drop_nulls().first, "last": value.drop_nulls().last}
    return named.get(operation, getattr(value, operation, None))().alias(f"activity__{name}")


# The event at the edge itself is not in the window. The expressions `rolling_*_by` refuse nulls, which the spine's rows have.
parts = [both.collect()]
for hours in sorted({one[3] for one in json.loads(sys.argv[3])}):
    windows = parts[0].rolling("event_time", period=f"{hours}h", closed="left", group_by="user_id")
    answers = windows.agg(*(aggregate(*one[:3]) for one in json.loads(sys.argv[3]) if one[3] == hours))
    parts.append(answers.drop("user_id", "event_time"))
asked = pl.concat(parts, how="horizontal").filter(pl.col("label").is_not_null()).sort("row")
asked.drop("row", "event_time", "quantity", "amount").write_parquet(sys.argv[2])
usage = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "seconds": time.perf_counter() - started,
    "cpuSeconds": usage.ru_utime + usage.ru_stime,
    "peakMb": usage.ru_maxrss / 1024,
}))
