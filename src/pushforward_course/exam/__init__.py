"""The oral exam: a bank of questions, tickets, and the examiner's page."""
