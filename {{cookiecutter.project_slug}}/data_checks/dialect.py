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
from sqlalchemy.dialects.postgresql.base import PGCompiler, PGDialect, PGIdentifierPreparer

SCHEME = "datachecks"
_SHARED: dict[str, duckdb.DuckDBPyConnection] = {}
_TYPES = {"BIGINT": sa.BigInteger, "DOUBLE": sa.Double, "VARCHAR": sa.String, "BOOLEAN": sa.Boolean}
_REGEX = {"~": "regexp_matches({}, {})", "!~": "NOT regexp_matches({}, {})"}


def share(name: str, connection: duckdb.DuckDBPyConnection) -> str:
    """Make a DuckDB connection known by name and return the URL that SQLAlchemy opens it with."""
    registry.register(SCHEME, __name__, "DuckDBDialect")
    _SHARED[name] = connection
    return f"{SCHEME}:///{name}"


def forget(name: str) -> None:
    """Drop a shared connection again; the caller closes it."""
    _SHARED.pop(name, None)


class DuckDBCompiler(PGCompiler):
    """PostgreSQL's SQL, except where DuckDB means something else by it."""

    def visit_custom_op_binary(self, element: Any, operator: Any, **kw: Any) -> str:
        """Search with a regular expression: DuckDB's own `~` wants the whole string to match."""
        form = _REGEX.get(operator.opstring)
        if form is None:
            return super().visit_custom_op_binary(element, operator, **kw)
        return form.format(self.process(element.left, **kw), self.process(element.right, **kw))


class DuckDBPreparer(PGIdentifierPreparer):
    """Names in quotes, always: DuckDB reserves words that PostgreSQL does not, such as pivot."""

    def _requires_quotes(self, value: str) -> bool:
        return True


class DuckDBDialect(PGDialect):
    """The few questions that Great Expectations asks a database about itself."""

    driver = "duckdb"
    statement_compiler = DuckDBCompiler
    preparer = DuckDBPreparer
    default_paramstyle = "qmark"
    supports_statement_cache = True
    supports_native_boolean = True

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
        return [
            {
                "name": row[0],
                "type": _TYPES.get(row[1], sa.types.NullType)(),
                "nullable": True,
                "default": None,
            }
            for row in rows
        ]

    def get_table_names(self, connection: sa.Connection, schema: str | None = None, **kw: Any) -> list[str]:
        """Return what can be selected from, views included."""
        return [row[0] for row in connection.exec_driver_sql("SHOW TABLES").fetchall()]

    get_view_names = get_table_names

    def has_table(
        self, connection: sa.Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> bool:
        """Say whether a table or view of this name exists."""
        return str(table_name) in self.get_table_names(connection)

    def get_schema_names(self, connection: sa.Connection, **kw: Any) -> list[str]:
        """Return the one schema there is."""
        return ["main"]

    def get_pk_constraint(
        self, connection: sa.Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        """Return no key: Parquet has none."""
        return {"constrained_columns": [], "name": None}
