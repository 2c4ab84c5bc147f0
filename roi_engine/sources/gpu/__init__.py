"""GPU samples of the DCGM exporter: answers of Prometheus (JSON), or exposition text with times.

A sample that DCGM could not take (a blank), or that cannot be true (utilisation over 100 %),
is no 0: it is left out and counted in quarantine, one row a series and day.
"""

from pathlib import Path

import duckdb
import polars as pl

from roi_engine.sources import bronze, files, refusals
from roi_engine.sources.base import Context, Load, Parsed, Unreadable
from roi_engine.sources.files import quoted
from roi_engine.sources.gpu import prometheus
from roi_engine.sources.mapped import first
from roi_engine.sources.schema import SAMPLES

_LABELS = {
    "gpu_uuid": ("UUID", "uuid"),
    "gpu_index": ("gpu",),
    "hostname": ("Hostname", "hostname"),
    "gpu_model": ("modelName", "model_name"),
    # the exporter's own pod stands under the plain name when the scraper's labels won
    "namespace": ("exported_namespace", "namespace"),
    "pod": ("exported_pod", "pod"),
    "container": ("exported_container", "container"),
    "mig_profile": ("GPU_I_PROFILE",),
    "mig_id": ("GPU_I_ID",),
}
"""Column of ``SAMPLES`` → labels, the first that a series has wins."""

_HIGHEST = {
    "DCGM_FI_DEV_GPU_UTIL": 100,
    "DCGM_FI_DEV_MEM_COPY_UTIL": 100,
    "DCGM_FI_DEV_ENC_UTIL": 100,
    "DCGM_FI_DEV_DEC_UTIL": 100,
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": 1,
    "DCGM_FI_PROF_SM_ACTIVE": 1,
    "DCGM_FI_PROF_SM_OCCUPANCY": 1,
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE": 1,
    "DCGM_FI_PROF_DRAM_ACTIVE": 1,
}
"""Utilisations and the most they can be: percent of the device, shares of the profiler."""

_COUNTER = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"
"""Millijoules in 64 bits: on its way it passes the 32-bit blanks, which are true values there."""

# DCGM's blank, not found, not supported, not permissioned in 64 bits, as double, in 32 bits
_IS_BLANK = f"""(
    value >= 9223372036854775000
    or value between 140737488355328 and 140737488355331
    or (value between 2147483632 and 2147483635 and metric != '{_COUNTER}')
)"""


def parse(raw: Path, *, load: Load, context: Context, out: Path) -> Parsed:
    """Parse one file of GPU samples to bronze ``samples``.

    ``_source_row`` is the line in text, and the number of the sample in JSON. Labels are read in
    every spelling that the exporter had. Stale markers (NaN) say that a series ended: they are
    no samples. Series that are not DCGM's are left out and counted.

    Raises:
        Unreadable: Nothing of the file can be read, or Prometheus says that it is not whole.
    """
    plain = files.unpack(raw, temp=context.temp)
    if plain.is_parquet:
        raise Unreadable("The file is Parquet: GPU samples come as Prometheus JSON or as text.")
    with plain.path.open("rb") as stream:
        is_json = stream.read(4096).lstrip()[:1] in (b"{", b"[")
    with files.connect(context) as con:
        if is_json:
            prometheus.read_answers(con, plain.path)
        else:
            prometheus.read_text(con, plain.path)
        _judge(con)
        written = bronze.write(con, _KEPT, table=SAMPLES, load=load, out=out)
        malformed = refusals.malformed(con, "(from lines where reason is not null)", load)
        quarantine = [written.quarantine, _left_out(con, load), malformed]
        return Parsed({SAMPLES.name: written.rows}, written.days, pl.concat(quarantine))


def _judge(con: duckdb.DuckDBPyConnection) -> None:
    """Make ``samples``: every point with its labels, and the rule that leaves it out, if any."""
    labels = ", ".join(
        f"nullif({first([_label(name) for name in spellings])}, '') as {column}"
        for column, spellings in _LABELS.items()
    )
    highest = " ".join(f"when {quoted(name)} then {most}" for name, most in _HIGHEST.items())
    # OpenMetrics and JSON count seconds, the older text milliseconds: over 1e11 (the year 5138
    # in seconds) it can only be the latter; a double holds either to the microsecond
    unit = "case when clock > 1e11 then 1000 else 1000000 end"
    con.execute(
        f"""
        create temp table labelled as select series_id, metric, {labels} from series;

        create temp view samples as
        select
            *,
            case
                when not coalesce(starts_with(metric, 'DCGM_'), false) then 'unknown_metric'
                when isnan(value) then 'stale'
                when {_IS_BLANK} then 'blank_sample'
                when value < 0 and highest is not null or value > highest then 'bad_sample'
            end as rule
        from (
            select
                points._source_row,
                labelled.*,
                text,
                at_text,
                try_cast(text as double) as value,
                case metric {highest} end as highest,
                case when clock between 0 and 1e14
                    then make_timestamp(round(clock * {unit})::bigint) end
                    as sampled_at
            from (select *, try_cast(at_text as double) as clock from points) as points
            join labelled on points.series_id = labelled.series_id
            where at_text is not null and text is not null
        )
        """
    )


def _label(name: str) -> str:
    return f"texts[list_position(names, {quoted(name)})]"


_KEPT = f"""
    select
        {", ".join(name for name in SAMPLES.columns if name != "value")},
        case when isfinite(value) then value end as value,
        _source_row,
        case
            when sampled_at is null or value is null or not isfinite(value)
                then json_merge_patch('{{}}', json_object(
                    'sampled_at', case when sampled_at is null then at_text end,
                    'value', case when value is null or not isfinite(value) then text end
                ))::varchar
        end as _rejected,
        null as _rounded
    from samples
    where rule is null
"""


def _left_out(con: duckdb.DuckDBPyConnection, load: Load) -> pl.DataFrame:
    """Return one quarantine row a rule, series and day, with the number of samples."""
    labels = ", ".join(f"{quoted(column)}, {column}" for column in _LABELS)
    return con.execute(
        f"""
        select
            {quoted(load.source)} as source,
            rule,
            concat(
                count(*), ' samples of ', metric, ' on GPU ', coalesce(gpu_uuid, gpu_index, '?'),
                case rule
                    when 'blank_sample' then ' are blank: DCGM could not take them, first '
                    when 'bad_sample' then ' cannot be true, first '
                    else ' are not of the DCGM exporter, first '
                end,
                min_by(text, _source_row)
            ) as reason,
            case rule when 'bad_sample' then 'critical' else 'warning' end as severity,
            sampled_at::date as day,
            {quoted(load.load_id)} as _load_id,
            {quoted(load.sha256)} as _source_file,
            min(_source_row) as _source_row,
            json_merge_patch(
                '{{}}', json_object('metric', metric, {labels}, 'samples', count(*)::varchar)
            )::varchar as record
        from samples
        where rule is not null and rule != 'stale'
        group by rule, metric, {", ".join(_LABELS)}, sampled_at::date
        order by _source_row, rule
        """
    ).pl()
