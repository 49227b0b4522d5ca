"""PostgreSQL: pool, migrations, named queries, embedded server."""
