"""Everything that decides, and nothing that acts: facts go in, orders come out, time is in the facts.

Imports itself and the standard library's data modules only; `tests/unit/test_layers.py` holds the rule.
"""
