"""A flow run in the process that was forked for it: the flow is one that the process holds, and nothing is loaded.

Prefect's own engine (`python -m prefect.engine`) asks the run's deployment where its code is, and runs that. Here the worker
names one of our flows; the run's parameters are all that is read of what Prefect's server says.
"""

from __future__ import annotations

import asyncio
import inspect
import os
import signal
import sys
from collections.abc import Coroutine
from types import FrameType
from typing import Any, cast
from uuid import UUID

from prefect import Flow
from prefect._internal import control_listener
from prefect._internal.metrics import RunMetrics
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.engine import handle_engine_signals
from prefect.exceptions import ParameterTypeError
from prefect.flow_engine import load_flow_run, run_flow
from prefect.logging.loggers import flow_run_logger
from prefect.states import Failed

from pratique.decisions.asked_runs import objections_to_parameters
from pratique.scrub import scrub
from pratique.warm.server import CANCEL


def run(name: str, run_id: str) -> int:
    """Run the flow of that name as the flow run of that id; the exit status of this process."""
    signal.signal(CANCEL, _cancelled)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {CANCEL})
    # The second: the worker, not this process, records a cancelled run as such.
    os.environ.update({"PREFECT__FLOW_RUN_ID": run_id, "PREFECT__ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "false"})
    flow: Flow[..., Any] = vars(sys.modules[f"flows.{name}"])[name]
    with handle_engine_signals(UUID(run_id)):
        flow_run = load_flow_run(UUID(run_id))
        if reasons := _objections(flow, flow_run.parameters):
            _refuse(flow_run, reasons)
            return 0
        with RunMetrics(flow_run, flow):
            # Its state, not its result: what Prefect says that a result is is never read.
            asyncio.run(cast("Coroutine[Any, Any, State]", run_flow(flow, flow_run, return_type="state")))
    return 0


def _objections(flow: Flow[..., Any], parameters: dict[str, Any]) -> tuple[str, ...]:
    if found := objections_to_parameters(parameters, inspect.signature(flow.fn).parameters):
        return found
    try:
        flow.validate_parameters(parameters)
    except (ParameterTypeError, TypeError) as error:
        return (str(error),)
    return ()


def _refuse(flow_run: FlowRun, reasons: tuple[str, ...]) -> None:
    message = scrub("the parameters are not those of the flow: " + "; ".join(reasons))
    flow_run_logger(flow_run).error(message)
    with get_client(sync_client=True) as client:
        client.set_flow_run_state(flow_run.id, Failed(name="Invalid", message=message), force=True)


def _cancelled(_number: int, _frame: FrameType | None) -> None:
    """Prefect's engine ends by SIGTERM, and asks here whether that was a cancellation or a crash."""
    control_listener._set_intent("cancel")  # noqa: SLF001  # it has no public name
    signal.raise_signal(signal.SIGTERM)
