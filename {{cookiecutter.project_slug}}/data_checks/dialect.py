"""DuckDB for SQLAlchemy, as far as Great Expectations asks: its own types and SQL on a shared connection.

Great Expectations 1.24 has no DuckDB, and with the package duckdb-engine almost every check fails: results
are read after their connection went back, when the pool's rollback has emptied them. Here the dialect says it
is PostgreSQL (whose SQL DuckDB speaks), every cursor is a connection of its own, and rollback does nothing.
"""

from __future__ import annotations

from typing import Any

import duckdb
import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.base import PGDialect, PGIdentifierPreparer

SCHEME = "datachecks"
_SHARED: dict[str, duckdb.DuckDBPyConnection] = {}
# The types of the view `data`, which casts every column to one of them.
_TYPES = {"BIGINT": sa.BigInteger, "DOUBLE": sa.Double, "VARCHAR": sa.String, "BOOLEAN": sa.Boolean}


def share(name: str, connection: duckdb.DuckDBPyConnection) -> str:
    """Make a DuckDB connection known by name and return the URL that SQLAlchemy opens it with."""
    registry.register(SCHEME, __name__, "DuckDBDialect")
    _SHARED[name] = connection
    return f"{SCHEME}:///{name}"


def forget(name: str) -> None:
    """Drop a shared connection again; the caller closes it."""
    _SHARED.pop(name, None)


class DuckDBPreparer(PGIdentifierPreparer):
    """Names in quotes, always: DuckDB reserves words that PostgreSQL does not, such as pivot."""

    def _requires_quotes(self, value: str) -> bool:
        return True


class DuckDBDialect(PGDialect):
    """The few questions that Great Expectations asks a database about itself."""

    driver = "duckdb"
    preparer = DuckDBPreparer
    default_paramstyle = "qmark"
    supports_statement_cache = True

    @classmethod
    def import_dbapi(cls) -> Any:
        """Return the DB-API module."""
        return duckdb

    def create_connect_args(self, url: sa.URL) -> tuple[list[Any], dict[str, Any]]:
        """Read the shared connection's name from the URL."""
        return [url.database], {}

    def connect(self, *cargs: Any, **cparams: Any) -> Any:
        """Return a new connection to the shared database: same views, own results."""
        return _SHARED[cargs[0]].cursor()

    def initialize(self, connection: sa.Connection) -> None:
        """Skip PostgreSQL's questions about its server."""
        self.server_version_info = (15,)
        self.default_schema_name = "main"

    def do_begin(self, dbapi_connection: Any) -> None:
        """Begin nothing: all work is reading."""

    do_commit = do_rollback = do_begin

    def get_columns(
        self, connection: sa.Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        """Return the names and types of a view's columns."""
        rows = connection.exec_driver_sql(f'DESCRIBE "{table_name}"').fetchall()
        return [{"name": row[0], "type": _TYPES[row[1]](), "nullable": True, "default": None} for row in rows]

    def get_pk_constraint(
        self, connection: sa.Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        """Return no key: Parquet has none."""
        return {"constrained_columns": [], "name": None}
