"""What both stores know of look-ups: the journal's own commands, one per lane and account, that look for what is sought
there. Their order within a lane is in `worker.journal.rows.priority` and in the SQL."""

from datetime import timedelta

LOOK_UP_PATIENCE = timedelta(minutes=2)
"""A look-up that has waited for so long goes before its lane's other work: a busy lane must not starve it."""
