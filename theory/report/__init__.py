"""What people see: the table of verdicts, the text that explains a claim, the live display and the figures."""
