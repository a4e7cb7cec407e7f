"""The brain of refresh_amis, split by question.

``judging``     is what a source claims true, in EC2's eyes?
``copying``     which of its images has the account copied, and which old copies may go?
``trying``      has the release lived in the canary pool for long enough?
``deciding``    what becomes of the line: follow, try, keep, go back, hold?
``publishing``  what do the parameters of each region say then?
"""
