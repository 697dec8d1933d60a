"""The client of the vendor's gateway: implements `worker.ports.Gateway` and `worker.ports.InvoiceDetails`.

Two sans-I/O dialogues, `session` on `/invoice` and `query_session` on `/web/invoice`, with `codec` and `query_codec`
for their frames; `rest_codec` for the HTTP look-ups; `rows` and `values` for what both tell. All these are pure, as are
`qr`, `redaction` and `retry_after`. `websocket` is the only door to the websockets library, `rest` to httpx, `scanner`
to the image libraries. `sockets` are what `client` opens.

Guaranteed: what leaves has exactly the manual's shapes; what comes in may have any shape and never raises; a
frame for another `userId` never becomes an answer; the echo of a password ends here.
Not known here: commands, events, the journal, when to ask again for what is not ready, and whose turn it is.
"""
