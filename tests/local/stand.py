"""A small stack of our own: a function, queues, a stream, a schedule, an API, a custom resource."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from local.assembly import Assembly

LAYERS = Path(__file__).parent.parent.parent / "layers"


def a_stack(folder: Path, **changes: Any) -> Assembly:
    """Return an assembly in *folder*; *changes* replace or add resources by logical id."""
    asset = folder / "asset"
    asset.mkdir(parents=True, exist_ok=True)
    (asset / "echo.py").write_text(Path(__file__).with_name("echo.py").read_text())
    template = {
        "Parameters": {"FeedUrl": {"Type": "String", "Default": "https://example.com"}},
        "Resources": {**_resources(), **changes},
        "Outputs": {"ReportQueueUrl": {"Value": {"Ref": "Out"}}, "Feed": {"Value": {"Ref": "FeedUrl"}}},
    }
    assets = {"code.zip": asset, "railyard.zip": LAYERS / "railyard", "vendor.zip": folder / "never"}
    return Assembly("railyard", template, assets)


def a_resource(kind: str, **properties: Any) -> dict[str, Any]:
    """Return a resource of the template."""
    return {"Type": kind, "Properties": properties}


def _resources() -> dict[str, Any]:
    return {
        "Role": a_resource("AWS::IAM::Role", RoleName="railyard-echo", AssumeRolePolicyDocument={}),
        "RailyardLayer": a_resource(
            "AWS::Lambda::LayerVersion", Content={"S3Bucket": "b", "S3Key": "railyard.zip"}
        ),
        "VendorLayer": a_resource(
            "AWS::Lambda::LayerVersion", Content={"S3Bucket": "b", "S3Key": "vendor.zip"}
        ),
        "Echo": a_resource(
            "AWS::Lambda::Function",
            FunctionName="railyard-echo",
            Handler="echo.handler",
            Runtime="python3.13",
            Role={"Fn::GetAtt": ["Role", "Arn"]},
            Code={"S3Bucket": "b", "S3Key": "code.zip"},
            Layers=[{"Ref": "RailyardLayer"}, {"Ref": "VendorLayer"}],
            Timeout=5,
            Environment={"Variables": {"OUT": {"Ref": "Out"}, "FEED": {"Ref": "FeedUrl"}}},
        ),
        "Dead": a_resource("AWS::SQS::Queue", QueueName="railyard-in-dead"),
        "Out": a_resource("AWS::SQS::Queue", QueueName="railyard-out"),
        "In": a_resource(
            "AWS::SQS::Queue",
            QueueName="railyard-in",
            VisibilityTimeout=30,
            RedrivePolicy={"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 2},
        ),
        "InMapping": a_resource(
            "AWS::Lambda::EventSourceMapping",
            EventSourceArn={"Fn::GetAtt": ["In", "Arn"]},
            FunctionName={"Ref": "Echo"},
            BatchSize=10,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        ),
        "Table": a_resource(
            "AWS::DynamoDB::Table",
            TableName="things",
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
            StreamSpecification={"StreamViewType": "NEW_AND_OLD_IMAGES"},
            TimeToLiveSpecification={"AttributeName": "expires", "Enabled": True},
            PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": True},
        ),
        "StreamMapping": a_resource(
            "AWS::Lambda::EventSourceMapping",
            EventSourceArn={"Fn::GetAtt": ["Table", "StreamArn"]},
            FunctionName={"Ref": "Echo"},
            StartingPosition="TRIM_HORIZON",
            BatchSize=10,
            MaximumRetryAttempts=1,
            BisectBatchOnFunctionError=True,
            FunctionResponseTypes=["ReportBatchItemFailures"],
            DestinationConfig={"OnFailure": {"Destination": {"Fn::GetAtt": ["Dead", "Arn"]}}},
        ),
        "Signals": a_resource(
            "AWS::Events::Rule",
            EventPattern={"source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"]},
            State="ENABLED",
            Targets=[{"Id": "out", "Arn": {"Fn::GetAtt": ["Out", "Arn"]}}],
        ),
        "Tick": a_resource(
            "AWS::Scheduler::Schedule",
            Name="tick",
            ScheduleExpression="rate(10 minutes)",
            FlexibleTimeWindow={"Mode": "OFF"},
            Target={"Arn": {"Fn::GetAtt": ["Echo", "Arn"]}, "RoleArn": "r", "Input": '{"tick": 1}'},
        ),
        "Api": a_resource("AWS::ApiGateway::RestApi", Name="railyard"),
        "Proxy": a_resource(
            "AWS::ApiGateway::Resource",
            RestApiId={"Ref": "Api"},
            ParentId={"Fn::GetAtt": ["Api", "RootResourceId"]},
            PathPart="{proxy+}",
        ),
        "Any": a_resource(
            "AWS::ApiGateway::Method",
            RestApiId={"Ref": "Api"},
            ResourceId={"Ref": "Proxy"},
            HttpMethod="ANY",
            AuthorizationType="AWS_IAM",
            Integration={
                "Type": "AWS_PROXY",
                "IntegrationHttpMethod": "POST",
                "Uri": {
                    "Fn::Join": ["", ["arn:aws:apigateway:x:lambda:path/", {"Fn::GetAtt": ["Echo", "Arn"]}]]
                },
            },
        ),
        "Deployed": a_resource("AWS::ApiGateway::Deployment", RestApiId={"Ref": "Api"}),
        "Stage": a_resource(
            "AWS::ApiGateway::Stage",
            RestApiId={"Ref": "Api"},
            DeploymentId={"Ref": "Deployed"},
            StageName="v1",
        ),
        "Group": a_resource(
            "AWS::EC2::SecurityGroup", GroupDescription="machines", GroupName="railyard-node"
        ),
        "NodeProfile": a_resource("AWS::IAM::InstanceProfile", Roles=[{"Ref": "Role"}]),
        "Custom": a_resource("Custom::Thing", ServiceToken={"Fn::GetAtt": ["Echo", "Arn"]}),
    }
