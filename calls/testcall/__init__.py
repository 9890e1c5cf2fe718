"""A test caller: the gateway side of the Bot API, to call this gateway or another one.

`calls.testcall.caller` is the caller itself, pure, with the time as an argument; `.connection`
brings its frames to a WebSocket; `.speech` makes its voice; `.presentation` says how it went.
"""
