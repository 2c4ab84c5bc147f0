"""One small estate for all tests of the simulator."""

from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

from roi_engine.simulate import Summary, write_estate


@dataclass(frozen=True)
class Estate:
    """An estate on disk and what was said of it."""

    folder: Path
    summary: Summary

    @property
    def inbox(self) -> Path:
        """What a pipeline reads."""
        return self.folder / "inbox"

    def truth(self, name: str) -> pl.DataFrame:
        """Return a table that nobody in the estate can know."""
        return pl.read_parquet(self.folder / "truth" / f"{name}.parquet")


@pytest.fixture(scope="session")
def estate(tmp_path_factory) -> Estate:
    """Return 28 days of an estate with six agents, spans in both forms."""
    folder = tmp_path_factory.mktemp("estate")
    summary = write_estate(
        folder, days=28, tasks_per_day=100, agents=6, seed=11, spans_format="both"
    )
    return Estate(folder, summary)
