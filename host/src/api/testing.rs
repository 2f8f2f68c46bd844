//! A router over an in-memory database, for tests of handlers.
