"""Knobs of serve_api."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Tables, queues to forward to, the function that carries out what was asked of release lines; what pools get.

    *reply_queues* are those that publish_events may send to. *pool_dry_run*: a pool is tried in EC2 before it is kept.
    """

    requests_table: str
    instances_table: str
    pools_table: str
    releases_table: str
    ami_sets_table: str
    request_queue_url: str
    lease_queue_url: str
    refresh_function: str
    requesters_table: str
    catalogue_bucket: str
    default_security_group: str
    node_profile_arn: str
    catalogue_key: str = "catalogue.json"
    parameter_prefix: str = "/railyard"
    default_subnets: tuple[str, ...] = ()
    default_security_groups: tuple[str, ...] = ()
    image_ids_allowed: bool = False
    pool_dry_run: bool = False
    reply_queues: tuple[str, ...] = ()
