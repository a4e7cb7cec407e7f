"""Table of contents of the stack."""

from __future__ import annotations

from aws_cdk import CfnOutput, Stack, StackSynthesizer
from constructs import Construct

from infra.foundation import lay
from infra.services import (
    allocate_instances,
    apply_deployment,
    keep_leases,
    publish_events,
    reap_instances,
    refresh_amis,
    refresh_catalogue,
    serve_api,
    track_instances,
    validate_ami_sets,
)
from infra.stage import Stage


class RailyardStack(Stack):
    """One deployment of Railyard. Its outputs are a contract; all other names may change."""

    def __init__(
        self, scope: Construct, stage: Stage, *, synthesizer: StackSynthesizer | None = None
    ) -> None:
        about = "Railyard: EC2 capacity on request"
        super().__init__(scope, stage.stage, description=about, synthesizer=synthesizer)
        on = lay(self, stage)
        images, catalogue = refresh_amis.add(on), refresh_catalogue.add(on)
        api = serve_api.add(on, images)
        allocate_instances.add(on, api.role_id)
        keep_leases.add(on, api.role_id)
        track_instances.add(on)
        reap_instances.add(on)
        publish_events.add(on)
        validate_ami_sets.add(on)
        apply_deployment.add(on, (images, catalogue))

        outputs = {
            "RequestQueueUrl": on.queues.requests.queue_url,
            "LeaseQueueUrl": on.queues.leases.queue_url,
            "ReportQueueUrl": on.queues.reports.queue_url,
            "BusName": on.bus.event_bus_name,
            "ApiUrl": api.url,
            "ParameterPrefix": stage.parameter_prefix,
            "NodeRoleArn": on.nodes.role.role_arn,
            "NodeProfileArn": on.nodes.profile.instance_profile_arn,
            "CatalogueBucket": on.catalogue.bucket_name,
        } | {f"{name}Table": table.table_name for name, table in on.tables.all().items()}
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)
