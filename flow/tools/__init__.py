"""The programs the flow calls, each behind a function that checks its result."""
