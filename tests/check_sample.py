"""Run a sample: check_sample.py PROGRAM [EXPECTED]. It must succeed and print what is expected."""

import difflib
import pathlib
import subprocess
import sys

program, *expected = sys.argv[1:]
done = subprocess.run([program], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
if done.returncode != 0:
    sys.exit(f'{done.stdout}exit status {done.returncode}')
if expected:
    wanted = pathlib.Path(expected[0]).read_text()
    difference = difflib.unified_diff(wanted.splitlines(True), done.stdout.splitlines(True),
                                      'expected', 'printed')
    sys.exit(''.join(difference) or 0)
