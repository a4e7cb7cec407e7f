"""The embedded AWS: the stack and handlers of ``cdk deploy`` on this machine, without an account or Docker.

``world``      wires everything; the one entry that ``up``, ``demo`` and tests use
``assembly``   the synthesised app, cached; ``preflight`` refuses what would be dropped silently
``endpoint``   one URL for every AWS service: our EC2 and Pricing, moto for the rest; calls and faults
``shims``      what moto lacks or gets wrong, each with a test that fails without it
``workers``    real processes that run the handlers as Lambda does
``pollers``    SQS and DynamoDB stream mappings; ``schedules`` fires what is due
``front``      API Gateway, the release feed and ``/_local`` on one port
``ec2``        a strict model of what EC2 promises

Nothing here ships. The product knows no endpoint but botocore's own ``AWS_ENDPOINT_URL``.
"""
