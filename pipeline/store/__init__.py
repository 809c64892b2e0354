"""The SQL store: what was decided, what came of it, and who approved what. SQLite or PostgreSQL, the same code.

`tables` names the tables, `migrations` builds them, `engine` opens them durably. Nothing here knows MLflow.
"""
