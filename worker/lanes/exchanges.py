"""Which exchange carries out which type of command."""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from contracts.commands import CommandType
from worker.lanes.details_exchange import DetailsExchange
from worker.lanes.exchange import Exchange
from worker.lanes.issue_exchange import IssueExchange
from worker.lanes.line import Line
from worker.lanes.look_up_exchange import LookUpExchange
from worker.lanes.query_exchanges import DownloadExchange, QueryExchange
from worker.lanes.services import LaneServices
from worker.records import LOOK_UP, Command

EXCHANGES: Final = MappingProxyType[str, type[Exchange]](
    {
        CommandType.ISSUE: IssueExchange,
        CommandType.QUERY: QueryExchange,
        CommandType.DOWNLOAD: DownloadExchange,
        CommandType.ITEMS: DetailsExchange,
        CommandType.FILES: DetailsExchange,
        CommandType.STORED: DetailsExchange,
        LOOK_UP: LookUpExchange,
    }
)


def exchange_of(services: LaneServices, line: Line, command: Command, may_take_next: Callable[[], bool]) -> Exchange:
    """The exchange for this command."""
    return EXCHANGES[command.type](services, line, command, may_take_next=may_take_next)
