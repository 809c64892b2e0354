"""Alembic's folder; `pipeline.store.engine.open_store` runs it, there is no alembic.ini."""
