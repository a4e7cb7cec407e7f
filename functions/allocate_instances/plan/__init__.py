"""The brain of allocate_instances, split by question.

``accepting``  may this be asked of this pool, and has it been asked before?
``offers``     which machine types fit, where, on which market, cheapest first?
``placing``    what is launched now, what waits, and what stands in its way?
``reusing``    which running machines have room for whom?
``binding``    who gets which of the machines that EC2 gave?
"""
