"""What to do next, as pure functions: `(state, input) -> (state, effects)`.

Flows know no event loop, clock, database or socket: moments and chances come in as values, and what they want
done goes out as values. They never raise for a business outcome.
"""
