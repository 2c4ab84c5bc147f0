"""Operate Airflow on one machine: its processes, its REST interface, one command to see it."""
