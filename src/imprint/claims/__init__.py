"""Claims: pairing, the exact sign-flip test and its interval, verdicts, and the table they are kept in."""
