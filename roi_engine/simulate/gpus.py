"""GPUs: which there are, who runs on them, and what the exporter measured.

All samples lie on a grid that divides the hour, so an interval never crosses a bill's edge.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from roi_engine.simulate import roster
from roi_engine.simulate.horizon import DAY_US, HOUR_US, SECOND_US, Horizon

BLANK = "9223372036854775794"
"""What the exporter says when the driver has no value."""
UTIL, ACTIVE = "DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_PROF_SM_ACTIVE"


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU of one billed resource.

    ``workloads`` are namespaces of agents, or ``serving/MODEL`` for a model server;
    ``profiled`` says that SM_ACTIVE is measured too, which is then the better figure.
    ``price_cents`` is per resource and hour; ``line_hours`` is how long a billing line runs.
    """

    resource_id: str
    hostname: str
    uuid: str
    workloads: tuple[str, ...]
    load: float
    step_s: int
    price_cents: int
    line_hours: int = 24
    dedicated_to: int | None = None
    profiled: bool = False


@dataclass(frozen=True, slots=True)
class Reading:
    """The usable samples of one GPU on one day: busy time per workload, per sample.

    ``at_us`` are the sample times, ``interval_us`` what each stands for and ``busy_us`` one
    row per workload.
    """

    gpu: Gpu
    day_index: int
    at_us: np.ndarray
    interval_us: np.ndarray
    busy_us: np.ndarray


def fleet(agents: tuple[roster.Agent, ...]) -> tuple[Gpu, ...]:
    """Return the GPUs of an estate; agents that it does not have do not use any."""
    last = len(agents) - 1
    sre = min(3, last)
    sharers = tuple(dict.fromkeys((namespace(agents, 0), namespace(agents, min(4, last)))))
    return (
        Gpu("i-sim-serve", "gpu-node-1", "GPU-0001", ("serving/sim-llama-ft-1",), 55, 300, 289),
        # two pods share this one in time slices: each repeats the whole device's figure
        Gpu("i-sim-shared", "gpu-node-2", "GPU-0002",
            sharers, 35, 300, 214, line_hours=6),
        Gpu("i-sim-own", "gpu-node-3", "GPU-0003", (namespace(agents, sre),), 25, 300, 198,
            dedicated_to=sre, profiled=True),
        Gpu("i-sim-pair", "gpu-node-4", "GPU-0004", (namespace(agents, min(5, last)),), 45, 60,
            401),
        Gpu("i-sim-pair", "gpu-node-4", "GPU-0005", ("serving/sim-llama-ft-1",), 30, 60, 401),
    )  # fmt: skip


def namespace(agents: tuple[roster.Agent, ...], index: int) -> str:
    """Return the namespace in which an agent's pods run."""
    return f"ns-{agents[index].agent_id}"


def write_samples(
    gpus: tuple[Gpu, ...], horizon: Horizon, folder: Path, rng: np.random.Generator
) -> list[Reading]:
    """Write one Prometheus answer per day and return what of it can be used.

    Holes are real holes: hours without samples, blanks and values over 100 measure nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    readings = []
    for day_index in range(horizon.days):
        series: list[dict[str, object]] = []
        for gpu in gpus:
            reading, found = _measure(gpu, day_index, horizon, rng)
            readings.append(reading)
            series += found
        answer = {"status": "success", "data": {"resultType": "matrix", "result": series}}
        path = folder / f"dcgm_{horizon.day(day_index).isoformat()}.json"
        path.write_text(json.dumps(answer, separators=(",", ":")) + "\n")
    return readings


def _measure(
    gpu: Gpu, day_index: int, horizon: Horizon, rng: np.random.Generator
) -> tuple[Reading, list[dict[str, object]]]:
    step = gpu.step_s * SECOND_US
    first = horizon.start_us + day_index * DAY_US
    at = first + np.arange(DAY_US // step) * step
    # the exporter is down for one to three hours on about every third day
    gap_start = int(rng.integers(0, 20))
    gap_hours = int(rng.integers(1, 4)) if rng.random() < 0.35 else 0
    hour = (at - first) // HOUR_US
    at = at[(hour < gap_start) | (hour >= gap_start + gap_hours)]
    hour = (at - first) // HOUR_US
    wave = gpu.load * (1 + 0.6 * np.sin((hour - 8) / 24 * 2 * np.pi))
    util = np.clip(wave + rng.normal(0, 12, at.size), 0, 100).astype(np.int64)
    util[rng.random(at.size) < 0.1] = 0
    is_blank = rng.random(at.size) < 0.004
    is_bad = ~is_blank & (rng.random(at.size) < 0.002)
    # per ten thousand; a profiled GPU is busy a little less than its kernels suggest
    active = np.clip(util * 100 - rng.integers(0, 900, at.size), 0, 10_000)
    usable = ~(is_blank | is_bad)
    share = active if gpu.profiled else util * 100
    busy = share[usable] * (step // 10_000)
    sharers = len(gpu.workloads)
    reading = Reading(
        gpu,
        day_index,
        at[usable],
        np.full(int(usable.sum()), step),
        np.tile(busy // sharers, (sharers, 1)),
    )
    texts = {UTIL: _texts(util, is_blank, is_bad, per=1)}
    if gpu.profiled:
        texts[ACTIVE] = _texts(active, is_blank, is_bad, per=10_000)
    texts["DCGM_FI_DEV_FB_USED"] = [str(11_000 + 200 * value) for value in util.tolist()]
    texts["DCGM_FI_DEV_FB_FREE"] = [str(70_000 - 200 * value) for value in util.tolist()]
    texts["DCGM_FI_DEV_POWER_USAGE"] = [f"{90 + 3 * value}.25" for value in util.tolist()]
    seconds = (at // SECOND_US).tolist()
    return reading, [
        {
            "metric": _labels(gpu, workload, metric),
            "values": [list(pair) for pair in zip(seconds, values, strict=True)],
        }
        for metric, values in texts.items()
        for workload in gpu.workloads
    ]


def _texts(values: np.ndarray, is_blank: np.ndarray, is_bad: np.ndarray, per: int) -> list[str]:
    plain = [str(value) if per == 1 else f"{value / per:.4f}" for value in values.tolist()]
    for row in np.flatnonzero(is_blank):
        plain[row] = BLANK
    for row in np.flatnonzero(is_bad):
        plain[row] = "153"
    return plain


def _labels(gpu: Gpu, workload: str, metric: str) -> dict[str, str]:
    space, _, served = workload.partition("/")
    return {
        "__name__": metric,
        "gpu": gpu.uuid[-1],
        "UUID": gpu.uuid,
        "modelName": "SIM A100-SXM4-80GB",
        "Hostname": gpu.hostname,
        "namespace": space,
        "pod": f"{served or space}-0",
        "container": served or "worker",
    }
