"""Counts for the check_*.py scripts: what failed or was skipped, why, and one closing line."""

import sys


class Report:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, name, problem):
        """Count a check, failed if there is a problem to tell."""
        if problem:
            self.failed += 1
            print(f'failed: {name}: {problem}')
        else:
            self.passed += 1

    def skip(self, name, reason):
        self.skipped += 1
        print(f'skipped: {name}: {reason}')

    def finish(self):
        """Print the closing line that tests/run adds up, and leave."""
        print(f'{self.passed} passed, {self.failed} failed, {self.skipped} skipped')
        sys.exit(1 if self.failed else 0)
