"""What each shim corrects, as questions to moto: true is what AWS does.

Run as a program, with ``bare`` or ``shimmed``: the answers differ, or a shim has nothing left to do.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import moto.dynamodb.models as dynamodb_models
from botocore.exceptions import ClientError
from moto import mock_aws
from moto.awslambda.models import LambdaFunction
from moto.cloudformation import parsing
from moto.dynamodb.models import dynamo_type
from moto.dynamodb.models.table import Table
from moto.sqs.models import Queue

from local import identity, shims
from local.account import SharedEc2
from local.aws import fresh_moto
from local.shims import custom, security_group
from tests.local.ec2.builders import ARM, an_image

ROLE = "arn:aws:iam::123456789012:role/any"
SETTLE_SECONDS = 0.3


def client(service: str) -> Any:
    return boto3.client(service, "us-east-1")  # type: ignore[call-overload]


def a_queue(**attributes: str) -> str:
    return str(client("sqs").create_queue(QueueName="q", Attributes=attributes)["QueueUrl"])


def a_table() -> dict[str, Any]:
    made: dict[str, Any] = client("dynamodb").create_table(
        TableName="t",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )["TableDescription"]
    return made


def a_stack(kind: str, properties: dict[str, Any], **more: Any) -> None:
    resources = more | {"It": {"Type": kind, "Properties": properties}}
    client("cloudformation").create_stack(StackName="s", TemplateBody=json.dumps({"Resources": resources}))


def a_mapped_function(source_arn: str) -> list[Any]:
    """Map *source_arn* to a function; return the list of what moto pushes into it."""
    pushed: list[Any] = []
    handler: Any = LambdaFunction

    def push(_: Any, body: Any, *__: Any) -> bytes:
        pushed.append(body)
        return b"null"

    handler.invoke = push
    aws_lambda = client("lambda")
    client("iam").create_role(RoleName="any", AssumeRolePolicyDocument="{}")
    code = {"S3Bucket": "none", "S3Key": "none"}
    aws_lambda.create_function(FunctionName="f", Role=ROLE, Handler="h.h", Runtime="python3.13", Code=code)
    aws_lambda.create_event_source_mapping(
        EventSourceArn=source_arn, FunctionName="f", StartingPosition="TRIM_HORIZON"
    )
    return pushed


def a_hidden_message_reappears_when_the_clock_jumps() -> bool:
    url = a_queue(VisibilityTimeout="600")
    client("sqs").send_message(QueueUrl=url, MessageBody="m")
    client("sqs").receive_message(QueueUrl=url)
    shims.follow(lambda: timedelta(seconds=700))
    return "Messages" in client("sqs").receive_message(QueueUrl=url)


def a_delayed_message_shows_when_the_clock_jumps() -> bool:
    url = a_queue()
    client("sqs").send_message(QueueUrl=url, MessageBody="m", DelaySeconds=600)
    shims.follow(lambda: timedelta(seconds=700))
    return "Messages" in client("sqs").receive_message(QueueUrl=url)


def a_stream_record_carries_the_run_s_time() -> bool:
    shims.follow(lambda: timedelta(days=2))
    a_table()
    client("dynamodb").put_item(TableName="t", Item={"id": {"S": "1"}})
    table: Any = dynamodb_models.dynamodb_backends["123456789012"]["us-east-1"].tables["t"]
    at = table.stream_shard.items[0].to_json()["dynamodb"]["ApproximateCreationDateTime"]
    return bool(at.replace(tzinfo=UTC) > datetime.now(UTC) + timedelta(days=1))


def _copy_of_moto() -> Any:
    return vars(dynamodb_models)["copy"]


def a_failed_transaction_takes_no_other_write_back() -> bool:
    a_table()
    db, copying = client("dynamodb"), _copy_of_moto()
    original = copying.deepcopy
    writer = threading.Thread(target=lambda: db.put_item(TableName="t", Item={"id": {"S": "other"}}))

    def copy_and_let_another_write(value: Any, *more: Any) -> Any:
        copied = original(value, *more)
        if isinstance(value, Table) and writer.ident is None:
            writer.start()
            writer.join(SETTLE_SECONDS)
        return copied

    copying.deepcopy = copy_and_let_another_write
    try:
        put = {"TableName": "t", "Item": {"id": {"S": "x"}}, "ConditionExpression": "attribute_exists(id)"}
        db.transact_write_items(TransactItems=[{"Put": put}])
    except db.exceptions.TransactionCanceledException:
        pass
    finally:
        copying.deepcopy = original
    writer.join()
    return "Item" in db.get_item(TableName="t", Key={"id": {"S": "other"}})


def a_transaction_copies_only_what_it_changes() -> bool:
    """Not a fault of AWS's semantics, but with whole tables copied a burst of two hundred requests takes minutes."""
    a_table()
    db, copied = client("dynamodb"), []
    item_type: Any = dynamo_type.Item
    for number in range(20):
        db.put_item(TableName="t", Item={"id": {"S": str(number)}, "n": {"N": "0"}})

    def count(self: Any, memo: dict[int, Any]) -> Any:
        copied.append(self)
        return item_type(self.hash_key, self.range_key, self.to_json()["Attributes"])

    original, item_type.__deepcopy__ = item_type.__deepcopy__, count
    add = {"TableName": "t", "Key": {"id": {"S": "3"}}, "UpdateExpression": "ADD n :one"}
    update = add | {"ExpressionAttributeValues": {":one": {"N": "1"}}}
    failing = {"TableName": "t", "Item": {"id": {"S": "x"}}, "ConditionExpression": "attribute_exists(id)"}
    try:
        db.transact_write_items(TransactItems=[{"Update": update}, {"Put": failing}])
    except db.exceptions.TransactionCanceledException:
        pass
    finally:
        item_type.__deepcopy__ = original
    held = db.get_item(TableName="t", Key={"id": {"S": "3"}})["Item"]
    return held["n"] == {"N": "0"} and len(copied) <= 4


def _put(key: str, **more: Any) -> dict[str, Any]:
    return {"Put": {"TableName": "t", "Item": {"id": {"S": key}, **more}}}


def _refused(call: Callable[..., Any], **arguments: Any) -> str:
    try:
        call(**arguments)
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return ""


def a_transaction_s_token_is_remembered_for_ten_minutes() -> bool:
    a_table()
    dynamodb, key = client("dynamodb"), {"id": {"S": "n"}}
    add = {
        "TableName": "t",
        "Key": key,
        "UpdateExpression": "ADD n :one",
        "ExpressionAttributeValues": {":one": {"N": "1"}},
    }

    def count() -> str:
        dynamodb.transact_write_items(TransactItems=[{"Update": add}], ClientRequestToken="same")
        return str(dynamodb.get_item(TableName="t", Key=key)["Item"]["n"]["N"])

    within = (count(), count())
    code = _refused(dynamodb.transact_write_items, TransactItems=[_put("other")], ClientRequestToken="same")
    shims.follow(lambda: timedelta(minutes=11))
    return (*within, code, count()) == ("1", "1", "IdempotentParameterMismatchException", "2")


def a_batch_of_26_writes_and_a_transaction_of_5_mb_are_refused() -> bool:
    a_table()
    batch = [{"PutRequest": {"Item": {"id": {"S": str(n)}}}} for n in range(26)]
    too_many = _refused(client("dynamodb").batch_write_item, RequestItems={"t": batch})
    big = [_put(str(n), blob={"S": "x" * 350_000}) for n in range(14)]
    too_big = _refused(client("dynamodb").transact_write_items, TransactItems=big)
    return (too_many, too_big) == ("ValidationException", "ValidationException")


def a_write_does_not_invoke_the_stream_s_function() -> bool:
    pushed = a_mapped_function(a_table()["LatestStreamArn"])
    client("dynamodb").put_item(TableName="t", Item={"id": {"S": "1"}})
    return not pushed


def sending_does_not_invoke_the_queue_s_function() -> bool:
    url = a_queue()
    pushed = a_mapped_function("arn:aws:sqs:us-east-1:123456789012:q")
    client("sqs").send_message(QueueUrl=url, MessageBody="m")
    return not pushed


def a_message_names_its_sender() -> bool:
    url = a_queue()
    senders = []
    for name in ("AIDAONE", "AIDATWO"):
        with identity.acting_as(identity.Principal(sender_id=name, arn="")):
            client("sqs").send_message(QueueUrl=url, MessageBody="m")
        got = client("sqs").receive_message(QueueUrl=url, AttributeNames=["SenderId"])["Messages"]
        senders.append(got[0]["Attributes"]["SenderId"])
    return senders == ["AIDAONE", "AIDATWO"]


def two_consumers_never_get_one_message() -> bool:
    url = a_queue()
    client("sqs").send_message(QueueUrl=url, MessageBody="m")
    original: Any = Queue.pending_messages
    queue: Any = Queue

    def slowly(self: Any) -> Any:
        time.sleep(0.05)
        return original.fget(self)

    queue.pending_messages = property(slowly)
    got: list[Any] = []
    consumers = [threading.Thread(target=lambda: got.append(_received(url))) for _ in range(2)]
    for consumer in consumers:
        consumer.start()
    for consumer in consumers:
        consumer.join()
    queue.pending_messages = original
    return bool(sum(got) == 1)


def _received(url: str) -> int:
    return len(client("sqs").receive_message(QueueUrl=url).get("Messages", ()))


def receiving_counts_the_queue_for_no_message() -> bool:
    url = a_queue()
    client("sqs").send_message(QueueUrl=url, MessageBody="m")
    original: Any = Queue.attributes
    queue: Any = Queue
    asked: list[int] = []

    def counted(self: Any) -> Any:
        asked.append(1)
        return original.fget(self)

    queue.attributes = property(counted)
    client("sqs").receive_message(QueueUrl=url)
    queue.attributes = original
    return not asked


def _delivered_event() -> dict[str, Any]:
    url, events = a_queue(), client("events")
    events.put_rule(Name="r", EventPattern='{"source": ["s"]}')
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": "arn:aws:sqs:us-east-1:123456789012:q"}])
    with identity.acting_as(identity.USER):
        events.put_events(Entries=[{"Source": "s", "DetailType": "d", "Detail": '{"text": "<id>"}'}])
    got = client("sqs").receive_message(QueueUrl=url, AttributeNames=["SenderId"])["Messages"][0]
    return dict(got)


def an_event_s_message_is_sent_by_aws() -> bool:
    return bool(_delivered_event()["Attributes"]["SenderId"] == identity.SERVICE.sender_id)


def an_event_arrives_whole() -> bool:
    event = json.loads(_delivered_event()["Body"])
    return bool(event.get("account") == "123456789012" and event["detail"] == {"text": "<id>"})


def a_stack_s_table_has_time_to_live_and_recovery() -> bool:
    _table_stack(True)
    db = client("dynamodb")
    ttl = db.describe_time_to_live(TableName="t")["TimeToLiveDescription"]["TimeToLiveStatus"]
    backups = db.describe_continuous_backups(TableName="t")["ContinuousBackupsDescription"]
    return bool(ttl == "ENABLED") and "ENABLED" in json.dumps(
        backups["PointInTimeRecoveryDescription"], default=str
    )


def an_updated_table_keeps_its_items() -> bool:
    _table_stack(True)
    client("dynamodb").put_item(TableName="t", Item={"id": {"S": "1"}})
    _table_stack(False)
    described = client("cloudformation").describe_stack_resource(StackName="s", LogicalResourceId="It")
    named = described["StackResourceDetail"].get("PhysicalResourceId") == "t"
    return bool(named and client("dynamodb").scan(TableName="t")["Count"] == 1)


def _table_stack(protected: bool) -> None:
    properties = {
        "TableName": "t",
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "DeletionProtectionEnabled": protected,
    }
    body = json.dumps({"Resources": {"It": {"Type": "AWS::DynamoDB::Table", "Properties": properties}}})
    formation = client("cloudformation")
    (formation.create_stack if protected else formation.update_stack)(StackName="s", TemplateBody=body)


def ref_gives_a_bus_s_name() -> bool:
    bus = {"Type": "AWS::Events::EventBus", "Properties": {"Name": "ours"}}
    a_stack("AWS::SSM::Parameter", {"Name": "bus", "Type": "String", "Value": {"Ref": "Bus"}}, Bus=bus)
    return bool(client("ssm").get_parameter(Name="bus")["Parameter"]["Value"] == "ours")


def a_queue_policy_can_be_read_back() -> bool:
    url = a_queue()
    a_stack("AWS::SQS::QueuePolicy", {"Queues": [url], "PolicyDocument": {"Statement": [{"Sid": "tls"}]}})
    answer = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])
    return "tls" in answer.get("Attributes", {}).get("Policy", "")


def a_schedule_is_listed_and_an_update_keeps_it_one() -> bool:
    formation = client("cloudformation")
    for minutes, call in ((5, formation.create_stack), (7, formation.update_stack)):
        properties = {
            "ScheduleExpression": f"rate({minutes} minutes)",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "Target": {"Arn": "arn:aws:lambda:us-east-1:123456789012:function:f", "RoleArn": ROLE},
        }
        resources = {"It": {"Type": "AWS::Scheduler::Schedule", "Properties": properties}}
        call(StackName="s", TemplateBody=json.dumps({"Resources": resources}))
    listed = client("scheduler").list_schedules()["Schedules"]
    if len(listed) != 1:
        return False
    got = client("scheduler").get_schedule(Name=listed[0]["Name"])
    return bool(got["ScheduleExpression"] == "rate(7 minutes)")


def an_api_stage_exists_and_ref_gives_its_name() -> bool:
    api = {"Type": "AWS::ApiGateway::RestApi", "Properties": {"Name": "a"}}
    made = {"Type": "AWS::ApiGateway::Deployment", "Properties": {"RestApiId": {"Ref": "Api"}}}
    method = {
        "RestApiId": {"Ref": "Api"},
        "ResourceId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
        "HttpMethod": "GET",
        "AuthorizationType": "NONE",
        "Integration": {
            "Type": "AWS_PROXY",
            "IntegrationHttpMethod": "POST",
            "Uri": "arn:aws:apigateway:us-east-1:lambda:path/f",
        },
    }
    stage = {"RestApiId": {"Ref": "Api"}, "DeploymentId": {"Ref": "Made"}, "StageName": "v1"}
    a_stack(
        "AWS::ApiGateway::Stage",
        stage,
        Api=api,
        Method={"Type": "AWS::ApiGateway::Method", "Properties": method},
        Made=made,
    )
    gateway = client("apigateway")
    api_id = gateway.get_rest_apis()["items"][0]["id"]
    return [one["stageName"] for one in gateway.get_stages(restApiId=api_id)["item"]] == ["v1"]


def _images() -> None:
    ec2 = SharedEc2(lambda: datetime.now(UTC))
    ec2.add_image("us-east-1", an_image(ARM, "arm64"))
    security_group.EC2[:] = [ec2]


def _told() -> str:
    """Return a queue that hears of every change of a parameter."""
    pattern = json.dumps({"source": ["aws.ssm"]})
    url, events = a_queue(), client("events")
    events.put_rule(Name="r", EventPattern=pattern)
    events.put_targets(Rule="r", Targets=[{"Id": "q", "Arn": "arn:aws:sqs:us-east-1:123456789012:q"}])
    return url


def a_parameter_that_is_no_image_is_dropped_and_told() -> bool:
    _images()
    url, ssm = _told(), client("ssm")
    image = {"Name": "/image", "Type": "String", "DataType": "aws:ec2:image", "Overwrite": True}
    ssm.put_parameter(**image, Value=ARM)
    ssm.put_parameter(**image, Value="ami-0123456789abcdef0")
    kept = ssm.get_parameter(Name="/image")["Parameter"]["Value"]
    heard = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
    details = [json.loads(message["Body"])["detail"] for message in heard]
    return kept == ARM and sorted("exception" in detail for detail in details) == [False, True]


def a_stack_s_security_group_is_in_our_ec2() -> bool:
    ec2 = SharedEc2(lambda: datetime.now(UTC))
    security_group.EC2[:] = [ec2]
    a_stack("AWS::EC2::SecurityGroup", {"GroupDescription": "d", "GroupName": "ours"})
    groups = ec2.call("us-east-1", "DescribeSecurityGroups", {})["SecurityGroups"]
    return "ours" in [group["GroupName"] for group in groups]


def a_custom_resource_waits_until_handlers_run() -> bool:
    a_stack(
        "Custom::Thing", {"ServiceToken": "arn:aws:lambda:us-east-1:123456789012:function:later", "A": "1"}
    )
    return [request.request_type for request in custom.PENDING] == ["Create"]


def an_alarm_is_part_of_the_stack() -> bool:
    a_stack("AWS::CloudWatch::Alarm", {"AlarmName": "a", "Threshold": 1})
    listed = client("cloudformation").list_stack_resources(StackName="s")["StackResourceSummaries"]
    return [one.get("LogicalResourceId") for one in listed] == ["It"]


CHECKS: tuple[Callable[[], bool], ...] = (
    a_hidden_message_reappears_when_the_clock_jumps,
    a_delayed_message_shows_when_the_clock_jumps,
    a_stream_record_carries_the_run_s_time,
    a_failed_transaction_takes_no_other_write_back,
    a_transaction_copies_only_what_it_changes,
    a_transaction_s_token_is_remembered_for_ten_minutes,
    a_batch_of_26_writes_and_a_transaction_of_5_mb_are_refused,
    a_write_does_not_invoke_the_stream_s_function,
    sending_does_not_invoke_the_queue_s_function,
    a_message_names_its_sender,
    two_consumers_never_get_one_message,
    receiving_counts_the_queue_for_no_message,
    an_event_s_message_is_sent_by_aws,
    an_event_arrives_whole,
    a_stack_s_table_has_time_to_live_and_recovery,
    an_updated_table_keeps_its_items,
    ref_gives_a_bus_s_name,
    a_queue_policy_can_be_read_back,
    a_schedule_is_listed_and_an_update_keeps_it_one,
    an_api_stage_exists_and_ref_gives_its_name,
    a_parameter_that_is_no_image_is_dropped_and_told,
    a_stack_s_security_group_is_in_our_ec2,
    a_custom_resource_waits_until_handlers_run,
    an_alarm_is_part_of_the_stack,
)


def main(mode: str) -> None:
    """Print the answer to every check, each in a fresh moto."""
    if mode == "shimmed":
        shims.install()
    else:  # defining a type registers it, so here moto must look past ours
        theirs = [model for model in parsing.get_model_list() if not model.__module__.startswith("local.")]
        setattr(parsing, "get_model_list", lambda: theirs)  # noqa: B010  a private part of moto
    answers = {}
    for check in CHECKS:
        fresh_moto()
        shims.follow(timedelta)
        with mock_aws():
            try:
                answers[check.__name__] = check()
            except Exception as wrong:  # a crash of moto is one way to be wrong
                answers[check.__name__] = False
                print(f"{check.__name__}: {type(wrong).__name__}: {wrong}", file=sys.stderr)
    print(json.dumps(answers))


if __name__ == "__main__":
    main(sys.argv[1])
