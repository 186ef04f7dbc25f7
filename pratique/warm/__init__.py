"""Warm starts: a flow run's process is forked from one that has the imports behind it.

A worker starts every flow run in a Python of its own, which spends two to four seconds on imports before it does anything.
Here the worker's job command is `launch.py`, which takes 20 ms to start and asks a server (`python -m pratique.warm.server`)
to fork; the child runs `prefect.engine` as the worker would have. The launcher stays, passes signals on and returns
the child's exit status, so that the worker cancels, kills and judges it like any process of its own.
"""
