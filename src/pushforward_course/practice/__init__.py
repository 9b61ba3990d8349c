"""Homeworks that grade themselves: masters, the student's check, the sandbox and the grader."""
