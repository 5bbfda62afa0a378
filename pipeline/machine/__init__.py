"""Schedules of one machine: kept in a SQLite file, run by one process (`latticework schedule --local`)."""
