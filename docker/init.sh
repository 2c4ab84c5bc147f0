#!/bin/sh
# Make the metadata database, the writer's pool and the password file ready; safe to run again.
set -eu
airflow db migrate
airflow pools set lake_writer 1 "one writer a lake; the lake's own lock decides"
umask 077
python - <<'PYTHON'
import json
import os

path = os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]
with open(path, "w", encoding="utf-8") as file:
    json.dump({"admin": os.environ["AIRFLOW_ADMIN_PASSWORD"]}, file)
PYTHON
