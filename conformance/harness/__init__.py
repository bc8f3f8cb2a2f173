"""What the suites share: the report, the server under test, a client, a private PostgreSQL."""
