"""Stage six: replay, outcomes, profiles, drift, performance, health, alerts, retraining.

Every watcher boils what it sees down to signals (`signals.SIGNAL_COLUMNS`); rules judge signals and know nothing else.
"""
