"""What the worker of this machine says that commands wait for: the journal does not hold it."""

from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING, Final

from worker.ops.conditions import Missing, Wait

if TYPE_CHECKING:
    from worker.settings import Settings

_SECONDS: Final = 1.0
_LONGEST_BYTES: Final = 10_000
CHINESE: Final[Mapping[str, str]] = {
    Missing.CONSUMING: "消息服务器：未在接收命令",
    Missing.PUBLISHING: "消息服务器：无法发布事件",
    Missing.SPACE: "存储空间已满",
    Missing.WRITES: "数据库无法写入",
    Missing.LEASE: "没有租约：数据库未予续期",
    Missing.ANSWERS: "数据库没有应答",
    Missing.TIME: "工作进程正在停止",
    Wait.GATEWAY: "网关没有应答：需要网关的命令在等待，仅少数通道在尝试",
    Wait.DETAILS: "网关的 HTTP 接口没有应答：明细和文件在等待，仅少数通道在尝试",
    Wait.EVENTS: "事件无法发出：需要网关的命令暂不开始",
    Wait.PLACES: "位置已满（FAPIAO_MAX_LANES）：通道在等待空位",
}
"""Each sentence that a worker may say, in the other language."""


def waited_for(settings: "Settings") -> list[str]:
    """Sentences of `conditions`, as the worker at this machine's FAPIAO_HTTP_PORT says them; none where none answers.
    Of several workers it is the one beside this command line: what it sees of gateway, broker and store, most of them
    see."""
    if not settings.http_port:
        return []
    host = "127.0.0.1" if settings.http_host in {"*", "", "0.0.0.0"} else settings.http_host  # noqa: S104  as set
    connection = HTTPConnection(host, settings.http_port, timeout=_SECONDS)
    try:
        connection.request("GET", "/readyz")
        said = connection.getresponse().read(_LONGEST_BYTES).decode("utf-8", "replace")
    except (OSError, HTTPException):
        return []
    finally:
        connection.close()
    return [line for line in said.splitlines() if line in CHINESE]  # whatever else listens there may say anything
