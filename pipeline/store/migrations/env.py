"""Alembic's entry: runs on the connection, and inside the transaction, that `pipeline.store.engine` hands over."""

from alembic import context

from pipeline.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
