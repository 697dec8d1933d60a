"""What the settings say to the flows, read once: times, schedules and bounds. Pure."""

from dataclasses import dataclass
from datetime import timedelta

from worker.flows.look_up import LookUpRules
from worker.flows.looks import Schedules
from worker.flows.query_state import QueryRules
from worker.flows.table import Timing
from worker.settings import Settings


@dataclass(frozen=True, slots=True)
class Rules:
    """The rule book of all flows."""

    timing: Timing
    queries: QueryRules
    schedules: Schedules
    look_ups: LookUpRules

    @classmethod
    def from_settings(cls, settings: Settings) -> "Rules":
        """As they stand in the settings."""
        confirm = (timedelta(seconds=settings.confirm_delay_seconds), *settings.confirm_schedule)
        return cls(
            timing=_timing(settings),
            queries=_queries(settings),
            schedules=Schedules(
                confirm=confirm if settings.confirm else (),
                doubt=settings.reconcile_schedule,
                refusal=settings.refusal_schedule,
            ),
            look_ups=LookUpRules(
                rest=timedelta(seconds=settings.login_suspend_seconds),
                page=timedelta(seconds=settings.query_timeout_seconds),
                skew=timedelta(seconds=settings.clock_skew_seconds),
                max_pages=settings.query_max_pages,
                notice=timedelta(seconds=settings.download_grace_seconds),
                late_files=settings.files_schedule[:2],
            ),
        )


def _timing(settings: Settings) -> Timing:
    return Timing(
        login=timedelta(seconds=settings.login_timeout_seconds),
        answer=timedelta(seconds=settings.answer_timeout_seconds),
        scan=timedelta(seconds=settings.scan_timeout_seconds),
        result=timedelta(seconds=settings.result_timeout_seconds),
        refusal_grace=timedelta(seconds=settings.refusal_grace_seconds),
        retry_min=timedelta(seconds=settings.retry_min_seconds),
        retry_max=timedelta(seconds=settings.retry_max_seconds),
        login_attempts=settings.login_attempts,
    )


def _queries(settings: Settings) -> QueryRules:
    return QueryRules(
        page=timedelta(seconds=settings.query_timeout_seconds),
        notice=timedelta(seconds=settings.download_timeout_seconds),
        grace=timedelta(seconds=settings.download_grace_seconds),
        download_attempts=settings.download_attempts,
        files_schedule=settings.files_schedule,
        deadline=timedelta(seconds=settings.deadline_seconds),
        max_pages=settings.query_max_pages,
        span_days=settings.query_span_days,
        event_bytes=settings.page_event_max_bytes,
    )
