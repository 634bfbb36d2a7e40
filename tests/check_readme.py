"""The documentation is true: every ```c block with a main is compiled and run, every name exists.

A block ```output right after one is what it must print. ```c build-only is compiled, not run.
Pages are README.md and every .md file in the folders of the project.
"""

import os
import pathlib
import re
import shlex
import subprocess
import tempfile

from report import Report

ROOT = pathlib.Path(__file__).resolve().parent.parent
BLOCK = re.compile(r'^```(?P<info>[^\n`]*)\n(?P<text>.*?)^```$', re.M | re.S)
NAME = re.compile(r'\b(?:gyre|GYRE)_\w*[A-Za-z0-9]\b')
FOLDERS = ['loop', 'future', 'task', 'net', 'tests', 'samples']


def pages():
    yield ROOT / 'README.md'
    for folder in FOLDERS:
        yield from sorted((ROOT / folder).rglob('*.md'))


def public_names():
    """What the public headers declare, and the error codes that their table makes."""
    text = '\n'.join(header.read_text() for folder in FOLDERS[:4]
                     for header in sorted((ROOT / folder).glob('*.h'))
                     if not header.stem.endswith('_internal'))
    return set(NAME.findall(text)) | {f'GYRE_E{name}' for name in re.findall(r'\bX\((\w+),', text)}


def problem_of(program, expected, folder, run):
    """Why a program fails to compile, run or print what is expected; '' if it does not."""
    source, binary = folder / 'program.c', folder / 'program'
    source.write_text(program)
    command = shlex.split(os.environ['CC']) + ['-std=c11', '-Wall', '-Wextra', '-Werror']
    command += shlex.split(os.environ['GYRE_CFLAGS']) + [str(source), '-o', str(binary)]
    command += shlex.split(os.environ['GYRE_LIBS'])
    built = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if built.returncode:
        return built.stdout
    if not run:
        return ''
    try:
        done = subprocess.run([str(binary)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=20)
    except subprocess.TimeoutExpired:
        return 'no end after 20 s'
    if done.returncode:
        return f'{done.stdout}exit status {done.returncode}'
    if expected is not None and done.stdout != expected:
        return f'printed\n{done.stdout}instead of\n{expected}'
    return ''


def main():
    report = Report()
    names = public_names()
    for page in pages():
        text = page.read_text()
        unknown = sorted(set(NAME.findall(text)) - names)
        report.check(f'names in {page.relative_to(ROOT)}',
                     'not in any public header: ' + ', '.join(unknown) if unknown else '')
        blocks = list(BLOCK.finditer(text))
        for block, following in zip(blocks, blocks[1:] + [None]):
            info = block['info'].split()
            if info[:1] != ['c'] or not re.search(r'\bint main\b', block['text']):
                continue
            expected = None
            if following and following['info'].strip() == 'output':
                expected = following['text']
            line = text.count('\n', 0, block.start()) + 1
            with tempfile.TemporaryDirectory() as folder:
                report.check(f'{page.relative_to(ROOT)}:{line}',
                             problem_of(block['text'], expected, pathlib.Path(folder),
                                        'build-only' not in info))
    report.finish()


main()
