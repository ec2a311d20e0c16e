"""What ruins a benchmark before it begins: copies, leaks, and labels that cannot be right.

:func:`benchmark.audit.auditing.audit` is the way in. It reads a dataset leniently
(:mod:`benchmark.audit.reading`), lays its labels over one another (:mod:`benchmark.audit.shapes`)
and asks the checks of :mod:`benchmark.audit.checks` one after the other.
"""
