"""One thread or many: the same marts, to the last bit."""

import os
import subprocess
import sys
from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from roi_engine.marts.declare import DECLARED

DAYS = [date(2026, 1, 30), date(2026, 1, 31)]
BUILD = """
import sys
from datetime import date
from pathlib import Path
import polars as pl
from roi_engine.marts import MARTS, required
from roi_engine.marts.contract import FACTS
from roi_engine.marts.declare import DECLARED
from roi_engine.marts.facts import run
from roi_engine.marts.params import Params

folder = Path(sys.argv[1])
facts = {name: pl.read_parquet(folder / f"{name}.parquet") for name in FACTS}
days = (date(2026, 1, 30), date(2026, 1, 31))
params = Params(days=days, as_of=date(2026, 3, 15), min_group_size=5,
                transform_run_ids={day: f"run-{day}" for day in days})
answers = {}
for mart, module in MARTS.items():
    if DECLARED[mart].standing:
        continue
    answers |= {query.name: run(query, facts, days) for query in required(mart)}
    answers[mart] = module.build(answers, params)
    answers[mart].write_parquet(folder / f"{mart}.parquet")
print(pl.thread_pool_size())
"""


@pytest.mark.parametrize("threads", ["1", "4"])
def test_threads_do_not_show(threads, facts, make_params, build_mart, tmp_path):
    for name, frame in facts.items():
        frame.write_parquet(tmp_path / f"{name}.parquet")
    names = ("POLARS_MAX_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(tmp_path)],
        env=os.environ | dict.fromkeys(names, threads),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == threads
    for mart in (name for name, declared in DECLARED.items() if not declared.standing):
        there = pl.read_parquet(tmp_path / f"{mart}.parquet")
        here = build_mart(facts, mart, make_params(*DAYS))
        assert_frame_equal(there, here, check_exact=True)
