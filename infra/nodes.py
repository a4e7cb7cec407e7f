"""What a machine is given at birth: a role that may report, its profile, a security group without ingress."""

from __future__ import annotations

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.blocks.grants import policy, send_to
from infra.stage import Stage


class Nodes(Construct):
    """Role, instance profile and security group of the machines of a stage.

    Only EC2 may assume the role: the session's name is then the instance's id, and a report's sender the
    machine.
    """

    def __init__(self, scope: Construct, stage: Stage, reports: sqs.IQueue) -> None:
        super().__init__(scope, "Nodes")
        name = f"{stage.stage}-node"
        self.role = iam.Role(
            self,
            "Role",
            role_name=name,
            assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
            inline_policies=policy(send_to(reports)),
            managed_policies=[
                iam.ManagedPolicy.from_managed_policy_arn(self, f"Policy{position}", arn)
                for position, arn in enumerate(stage.node.managed_policies)
            ],
        )
        self.profile = iam.InstanceProfile(self, "Profile", instance_profile_name=name, role=self.role)
        # The L1 construct: without a VpcId EC2 takes the default VPC, which needs no look-up at synth.
        self.security_group = ec2.CfnSecurityGroup(
            self,
            "SecurityGroup",
            group_name=name,
            group_description=f"Machines of {stage.stage}: nothing comes in",
            vpc_id=stage.network.vpc_id or None,
        )
