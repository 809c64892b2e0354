"""Stage 4, from run to release: the runs and their index, gates, registered versions, policies, and the ledger over all.

`runs` is the one reader of MLflow, `versions` the one writer of its registry; what is approved stands in `ledger`, in SQL,
and MLflow's champion alias only mirrors it.
"""
