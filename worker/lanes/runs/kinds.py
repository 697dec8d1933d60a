"""Which run carries out which type of command."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from contracts.commands import CommandType
from worker.lanes.lane_session import LaneSession
from worker.lanes.runs.audit import AuditRun
from worker.lanes.runs.issue import IssueRun
from worker.lanes.runs.look_up import LookUpRun
from worker.lanes.runs.query import DetailsRun, DownloadRun, QueryRun
from worker.lanes.runs.run import Run
from worker.lanes.services import LaneServices
from worker.records import LOOK_UP, Command

KINDS: Final = MappingProxyType[str, type[Run]](
    {
        # `invoice.check` is over before it is journaled, so no lane ever runs one.
        CommandType.ISSUE: IssueRun,
        CommandType.QUERY: QueryRun,
        CommandType.DOWNLOAD: DownloadRun,
        CommandType.ITEMS: DetailsRun,
        CommandType.FILES: DetailsRun,
        CommandType.STORED: DetailsRun,
        CommandType.AUDIT: AuditRun,
        LOOK_UP: LookUpRun,
    }
)


def run_of(
    services: LaneServices, lane_session: LaneSession, command: Command, may_take_next: Callable[[], bool]
) -> Run:
    """The run for this command. Where its run gave way on this lane before, that one goes on."""
    paused: Run | None = lane_session.paused
    if paused is not None and paused.command.key == command.key:
        lane_session.paused = None
        paused.resume(command)
        return paused
    return KINDS[command.type](services, lane_session, command, may_take_next=may_take_next)
