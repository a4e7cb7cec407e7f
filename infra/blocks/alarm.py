"""An alarm that a person should act on; it tells the stage's topic, if there is one."""

from __future__ import annotations

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct


def page(
    scope: Construct,
    name: str,
    metric: cloudwatch.IMetric,
    topic: sns.ITopic | None,
    *,
    says: str,
    above: float | None = None,
    below: float | None = None,
) -> None:
    """Page when *metric* is *above* a sign of trouble, or *below* a sign of life; give one of the two.

    Without data the first is fine and the second is an alarm: a thing that stopped reports nothing.
    """
    if (above is None) == (below is None):
        raise ValueError(f"{name}: give above or below")
    kinds = cloudwatch.ComparisonOperator
    missing = cloudwatch.TreatMissingData
    alarm = cloudwatch.Alarm(
        scope,
        f"{name}Alarm",
        alarm_description=says,
        metric=metric,
        threshold=above if above is not None else below or 0,
        comparison_operator=kinds.LESS_THAN_THRESHOLD if above is None else kinds.GREATER_THAN_THRESHOLD,
        treat_missing_data=missing.BREACHING if above is None else missing.NOT_BREACHING,
        evaluation_periods=1,
    )
    if topic:
        alarm.add_alarm_action(actions.SnsAction(topic))
