"""Queues lose nothing, and what stops or fails for good pages somebody."""

from __future__ import annotations

import pytest

from tests.infra.synthesised import TOPIC, Synthesised

QUEUES = ("requests", "leases", "wake", "signals", "reports", "images")


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_tries_five_times_and_then_parks_for_two_weeks(stack: Synthesised, name: str) -> None:
    queue, dead = stack.queue(f"railyard-{name}"), stack.queue(f"railyard-{name}-dead")
    redrive = stack.template["Resources"][queue]["Properties"]["RedrivePolicy"]
    assert redrive == {"deadLetterTargetArn": {"Fn::GetAtt": [dead, "Arn"]}, "maxReceiveCount": 5}
    assert stack.template["Resources"][queue]["Properties"]["MessageRetentionPeriod"] == 4 * 86_400
    assert stack.template["Resources"][dead]["Properties"]["MessageRetentionPeriod"] == 14 * 86_400


def test_every_queue_is_encrypted_and_refuses_plain_http(stack: Synthesised) -> None:
    queues = stack.of("AWS::SQS::Queue")
    assert all(queue["Properties"]["SqsManagedSseEnabled"] is True for queue in queues.values())
    guarded = {
        queue["Ref"]
        for policy in stack.properties("AWS::SQS::QueuePolicy")
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
        and statement["Principal"] == {"AWS": "*"}
        and statement["Action"] == "sqs:*"
        for queue in policy["Queues"]
    }
    assert guarded == set(queues)


def test_a_message_stays_hidden_six_times_as_long_as_its_function_may_run(stack: Synthesised) -> None:
    seen = set()
    for mapping in stack.properties("AWS::Lambda::EventSourceMapping"):
        source = stack.template["Resources"][mapping["EventSourceArn"]["Fn::GetAtt"][0]]["Properties"]
        function = stack.template["Resources"][mapping["FunctionName"]["Ref"]]["Properties"]
        assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
        if "QueueName" in source:
            assert source["VisibilityTimeout"] == 6 * function["Timeout"]
            seen.add((source["QueueName"], function["FunctionName"]))
    assert seen == {
        ("railyard-requests", "railyard-allocate_instances"),
        ("railyard-wake", "railyard-allocate_instances"),
        ("railyard-leases", "railyard-keep_leases"),
        ("railyard-signals", "railyard-track_instances"),
        ("railyard-reports", "railyard-track_instances"),
        ("railyard-images", "railyard-validate_ami_sets"),
    }


def test_only_functions_that_wake_themselves_are_free_of_loop_detection(stack: Synthesised) -> None:
    """Lambda would drop a waiting request, or a look at a slow listing, after some sixteen rounds."""
    free = [each["Handler"] for each in stack.properties("AWS::Lambda::Function") if "RecursiveLoop" in each]
    assert sorted(free) == ["allocate_instances.handler.handler", "track_instances.handler.handler"]
    assert stack.function("allocate_instances")["RecursiveLoop"] == "Allow"


def test_the_stream_gives_up_on_a_record_and_keeps_it(stack: Synthesised) -> None:
    (mapping,) = (
        each for each in stack.properties("AWS::Lambda::EventSourceMapping") if "StartingPosition" in each
    )
    parked = stack.queue("railyard-events-dead")
    assert mapping["StartingPosition"] == "TRIM_HORIZON"
    assert mapping["BisectBatchOnFunctionError"] is True
    assert 0 < mapping["MaximumRetryAttempts"] < 100
    assert mapping["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": [parked, "Arn"]}


def test_every_place_for_dead_letters_pages(stack: Synthesised) -> None:
    dead = {
        key
        for key, queue in stack.of("AWS::SQS::Queue").items()
        if queue["Properties"]["QueueName"].endswith("-dead")
    }
    assert len(dead) == 7
    watched = {
        alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0]: alarm
        for alarm in stack.properties("AWS::CloudWatch::Alarm")
        if alarm["Namespace"] == "AWS/SQS"
    }
    assert set(watched) == dead
    for alarm in watched.values():
        assert (alarm["MetricName"], alarm["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 0)
        assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
        assert alarm["TreatMissingData"] == "notBreaching"


@pytest.mark.parametrize(
    ("metric", "namespace", "seconds"),
    [("Refreshed", "Railyard", 21_600), ("Invocations", "AWS/Lambda", 300)],
)
def test_silence_is_an_alarm(stack: Synthesised, metric: str, namespace: str, seconds: int) -> None:
    (alarm,) = (each for each in stack.properties("AWS::CloudWatch::Alarm") if each["MetricName"] == metric)
    assert (alarm["Namespace"], alarm["Period"], alarm["Statistic"]) == (namespace, seconds, "Sum")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 1)
    assert alarm["TreatMissingData"] == "breaching"


def test_an_image_that_will_be_taken_back_soon_is_an_alarm(stack: Synthesised) -> None:
    (alarm,) = (
        each
        for each in stack.properties("AWS::CloudWatch::Alarm")
        if each["MetricName"] == "RemainingLifeDays"
    )
    assert (alarm["Namespace"], alarm["Period"], alarm["Statistic"]) == ("Railyard", 86_400, "Minimum")
    assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("LessThanThreshold", 45)


def test_every_alarm_tells_the_topic_if_there_is_one(stack: Synthesised, other: Synthesised) -> None:
    without, with_topic = (each.properties("AWS::CloudWatch::Alarm") for each in (stack, other))
    assert (len(without), len(with_topic)) == (10, 9)  # the other's images are copies, which do not age
    assert not [alarm for alarm in without if "AlarmActions" in alarm]
    assert not [alarm for alarm in with_topic if alarm.get("AlarmActions") != [TOPIC]]


def test_signals_come_from_the_rules_of_this_stage_alone(stack: Synthesised) -> None:
    assert heard(stack, "railyard-signals") == [
        "EC2 Instance Rebalance Recommendation",
        "EC2 Instance State-change Notification",
        "EC2 Spot Instance Interruption Warning",
    ]


def test_images_are_heard_of_from_our_own_bus_and_the_account_s(stack: Synthesised) -> None:
    assert heard(stack, "railyard-images") == ["EC2 AMI State Change", "Image Released"]
    buses = {
        rule["EventPattern"]["detail-type"][0]: "EventBusName" in rule
        for rule in stack.properties("AWS::Events::Rule")
    }
    assert (buses["Image Released"], buses["EC2 AMI State Change"]) == (True, False)


def heard(stack: Synthesised, queue: str) -> list[str]:
    """Return what the rules send to *queue*; nobody else may."""
    rules = {
        key: rule
        for key, rule in stack.of("AWS::Events::Rule").items()
        if rule["Properties"]["Targets"][0]["Arn"]["Fn::GetAtt"][0] == stack.queue(queue)
    }
    (policy,) = (
        each
        for each in stack.properties("AWS::SQS::QueuePolicy")
        if each["Queues"] == [{"Ref": stack.queue(queue)}]
    )
    allowed = [each for each in policy["PolicyDocument"]["Statement"] if each["Effect"] == "Allow"]
    sources = {each["Condition"]["ArnEquals"]["aws:SourceArn"]["Fn::GetAtt"][0] for each in allowed}
    assert sources == set(rules)
    assert all(each["Principal"] == {"Service": "events.amazonaws.com"} for each in allowed)
    return sorted(rule["Properties"]["EventPattern"]["detail-type"][0] for rule in rules.values())
