"""The words of Railyard and its telephone to AWS.

``errors``    the taxonomy, drawn: who acts on which failure
``settings``  a frozen dataclass <-> environment variables, both directions
``model``     what the domain thinks in: frozen dataclasses, stdlib only
``wire``      what crosses a wire: frozen msgspec structs, decoding, defects with their paths
``aws``       the only boto3: one adapter per thing that we ask AWS
``client``    for programs that ask Railyard for machines: ask, wait, renew, release
"""
