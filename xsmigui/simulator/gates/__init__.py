"""The gates: ordered lists of small checks that say whether an operation may begin, and if not, why."""
