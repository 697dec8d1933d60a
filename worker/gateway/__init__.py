"""The client of the vendor's gateway: implements `worker.ports.Gateway` and `worker.ports.InvoiceDetails`.

`session` has two sans-I/O dialogues, on `/invoice` and on `/web/invoice`, with `codec` and `query_codec` for their
frames (and for the HTTP look-ups); `rows` and `values` for what both tell. All these are pure, as are `qr` and
`redaction`. `websocket` is the only door to the websockets library, `rest` to httpx, `scanner` to the image libraries.

Guaranteed: what leaves has exactly the manual's shapes; what comes in may have any shape and never raises; a
frame for another `userId` never becomes an answer; the echo of a password ends here.
Not known here: commands, events, the journal, when to ask again for what is not ready, and whose turn it is.
"""
