"""Sum up what `meson test` logged: summary.py LOG (its testlog.json).

Shows the output of what failed and the reason of what was skipped, and ends with three numbers:
passed, failed, skipped. A program counts as the cmocka tests in it, or as its closing line
"N passed, N failed[, N skipped]" says, or as one test.
"""

import json
import pathlib
import re
import sys

PLAIN = re.compile(r'^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$')
CMOCKA = re.compile(r'^\[\s+(RUN|OK|FAILED|SKIPPED|ERROR)\s+\] (\w+)$')
CMOCKA_SUM = re.compile(r'^\[  (PASSED|FAILED|SKIPPED) +\] (\d+) test\(s\)', re.M)
SHOWN_LINES = 200


def last_line(text):
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].strip() if lines else ''


def cmocka_skips(stdout, both):
    """(test, reason) of the cmocka tests skipped; the reason is what the test printed last."""
    skipped = {match[2] for match in map(CMOCKA.match, both.splitlines())
               if match and match[1] == 'SKIPPED'}
    reasons, current = {}, None
    for line in stdout.splitlines():
        match = CMOCKA.match(line)
        if match:
            current = match[2] if match[1] == 'RUN' else current
        elif current in skipped and line.strip() and not line.startswith('['):
            reasons[current] = line.strip()
    return [(name, reasons.get(name, 'no reason printed')) for name in sorted(skipped)]


def count(test):
    """([passed, failed, skipped], [(name, reason) of the skips]) of one program's run."""
    stdout, stderr = test.get('stdout', ''), test.get('stderr', '')
    both, name = f'{stdout}\n{stderr}', test['name']
    if test['result'] == 'SKIP':
        return [0, 0, 1], [(name, last_line(stdout) or last_line(stderr) or 'no reason printed')]
    plain, sums = PLAIN.match(last_line(stdout)), CMOCKA_SUM.findall(both)
    if plain:
        counts = [int(number or 0) for number in plain.groups()]
        skips = [(name, line[len('skipped: '):]) for line in stdout.splitlines()
                 if line.startswith('skipped: ')]
    elif sums:
        counts = [sum(int(number) for kind, number in sums if kind == wanted)
                  for wanted in ('PASSED', 'FAILED', 'SKIPPED')]
        skips = [(f'{name}: {inner}', reason) for inner, reason in cmocka_skips(stdout, both)]
    else:
        counts, skips = [1 if test['result'] == 'OK' else 0, 0, 0], []
    if test['result'] != 'OK' and counts[1] == 0:
        counts[1] = 1  # crashed, leaked, timed out: nothing counted that
    return counts, skips


def show_failure(test):
    print(f'\n---- {test["name"]}: {test["result"]}, status {test.get("returncode")}')
    lines = (test.get('stdout', '') + test.get('stderr', '')).splitlines()
    if len(lines) > SHOWN_LINES:
        print(f'({len(lines) - SHOWN_LINES} lines left out)')
    print('\n'.join(lines[-SHOWN_LINES:]))


def main():
    total, skips = [0, 0, 0], []
    for line in pathlib.Path(sys.argv[1]).read_text().splitlines():
        test = json.loads(line)
        test['name'] = test['name'].split(' / ')[-1]  # without its suites
        counts, reasons = count(test)
        total = [sum(pair) for pair in zip(total, counts)]
        skips += reasons
        if counts[1]:
            show_failure(test)
    for name, reason in skips:
        print(f'skipped: {name}: {reason}')
    print(*total)


main()
