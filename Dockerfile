# One image for every component: Airflow, the engine, dbt. Built from the hashed lock alone.
FROM python:3.11.14-slim-bookworm

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    VIRTUAL_ENV=/opt/venv \
    PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONPATH=/opt/roi

RUN groupadd --gid 10001 roi && useradd --uid 10001 --gid roi --create-home roi \
    && mkdir -p /opt/venv /opt/roi /lake /airflow /inbox \
    && chown roi:roi /opt/venv /opt/roi /lake /airflow
USER roi
WORKDIR /opt/roi

COPY --chown=roi:roi requirements/uv.txt requirements/airflow.txt requirements/
RUN python -m venv /opt/venv \
    && pip install --no-cache-dir --require-hashes -r requirements/uv.txt \
    && uv pip install --no-cache --compile-bytecode --require-hashes -r requirements/airflow.txt

COPY --chown=roi:roi . .
# DuckDB's extensions come from their wheels, now: at run time the file system is read-only
RUN uv pip install --no-cache --no-deps --no-build-isolation --editable . \
    && python -m roi_engine.warehouse.extensions
