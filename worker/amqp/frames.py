"""Frames that have come whole, read in one piece: the client library reads each in three, with a lock and a buffer.

`read_in_one_piece` guarantees that whatever has not come whole yet, begins a connection or is no frame is left to the
library. Relies on how aiormq 7 reads (`FrameReceiver`), and on what a stream of asyncio has in `_buffer`; where there
is none, all is left to the library. Knows nothing of what frames mean.
"""

from typing import Any, Final

import pamqp.frame
from aiormq.connection import FrameReceiver
from aiormq.exceptions import InvalidFrameError
from pamqp.exceptions import PAMQPException

_HEAD: Final = 7
"""Bytes of a frame before its payload: type, channel, length. Behind it one more ends it."""
_library_reads: Final = FrameReceiver.get_frame


def read_in_one_piece() -> None:
    """Teach the reader. Changes it for the whole process; may be called again."""
    FrameReceiver.get_frame = _get_frame  # type: ignore[method-assign, assignment]


async def _get_frame(receiver: FrameReceiver) -> Any:
    buffer = getattr(receiver.reader, "_buffer", b"")
    if receiver.started and len(buffer) > _HEAD:
        whole = _HEAD + int.from_bytes(buffer[3:_HEAD], "big") + 1
        if len(buffer) >= whole:
            try:
                return pamqp.frame.unmarshal(await receiver.reader.readexactly(whole))
            except PAMQPException as error:
                raise InvalidFrameError(str(error)) from error
    return await _library_reads(receiver)
