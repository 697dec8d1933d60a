"""The client of the vendor's gateway: implements `worker.ports.Gateway` for `/invoice`.

`codec`, `qr`, `redaction` and `session` are pure: text in, values out. `websocket` is the only door to the
websockets library, `scanner` the only door to the image libraries, and `client` joins them behind the port.

Guaranteed: what leaves has exactly the manual's shapes; what comes in may have any shape and never raises; a
frame for another `userId` never becomes an answer; the echo of a password ends here.
Not known here: commands, events, the journal, retries, and whose turn it is.
"""
