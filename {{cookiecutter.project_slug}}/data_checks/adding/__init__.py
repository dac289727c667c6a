"""New rows for the data that data.lock names. Run as `python -m data_checks.adding`; `data add` does."""
