"""The commands of `latticework`, one file each: its options and what it does."""
