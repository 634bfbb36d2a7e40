"""The repository's shape: what lies at the top, which room includes which, how long files are."""

import pathlib
import re
import shutil
import subprocess

from report import Report

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROOMS = ['loop', 'future', 'task', 'net']  # a room includes itself and what stands left of it
TOP = {*ROOMS, 'tests', 'samples', 'subprojects', 'meson.build', 'README.md', 'LICENSE',
       'CHANGELOG.md', 'CONTRIBUTING.md'}
MOST_LINES = 500
VAGUE = {'util', 'utils', 'common', 'misc', 'helpers'}
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(["<])([^">]+)[">]', re.M)
FIRST_COMMENT = re.compile(r'\s*/\*(.*?)\*/', re.S)


def project_files():
    """Paths of the project's files, relative to it; in a git tree, what git does not ignore."""
    if shutil.which('git') and (ROOT / '.git').exists():
        listed = subprocess.run(['git', '-C', str(ROOT), '-c', 'safe.directory=*', 'ls-files', '-co',
                                 '--exclude-standard'], stdout=subprocess.PIPE, text=True, check=True)
        names = listed.stdout.splitlines()
    else:
        names = [str(path.relative_to(ROOT)) for path in ROOT.rglob('*')]
    paths = sorted(pathlib.PurePath(name) for name in set(names))
    return [path for path in paths if path.parts[0] != 'build' and (ROOT / path).is_file()]


def room_included(own, name):
    """The room a quoted include leads to."""
    parts = [part for part in name.split('/') if part != '..']
    return parts[0] if len(parts) > 1 and parts[0] in ROOMS else own


def includes_problem(path, text):
    own = path.parts[0]
    for kind, name in INCLUDE.findall(text):
        if kind == '<' and name.startswith('gyre/'):
            return f'includes <{name}>: inside the project include the single header by its path'
        if kind == '"' and ROOMS.index(room_included(own, name)) > ROOMS.index(own):
            return f'includes "{name}", against the order {" <- ".join(ROOMS)}'
    return ''


def opening_problem(text):
    """A file opens with a comment whose first paragraph is a sentence."""
    found = FIRST_COMMENT.match(text)
    words = re.sub(r'\n[ \t]*\*?', '\n', found[1]).strip() if found else ''
    first = words.split('\n\n')[0].strip()
    if len(first.split()) < 3 or first[-1] not in '.:;?':
        return 'must open with a comment: a sentence that says what the file is'
    return ''


def main():
    report = Report()
    files = project_files()
    sources = {path: (ROOT / path).read_text() for path in files
               if path.suffix in ('.c', '.h') and path.parts[0] != 'subprojects'}
    rooms = {path: text for path, text in sources.items() if path.parts[0] in ROOMS}

    def check(rule, problems):
        found = [f'  {path}: {problem}' for path, problem in problems if problem]
        report.check(rule, '\n'.join([f'{len(found)} found', *found]) if found else '')

    check('nothing stray at the top', (
        (top, 'does not belong there') for top in sorted({path.parts[0] for path in files})
        if top not in TOP and not top.startswith('.')))
    check('rooms include only to their left', (
        (path, includes_problem(path, text)) for path, text in rooms.items()))
    check(f'files of at most {MOST_LINES} lines', (
        (path, f'{text.count(chr(10))} lines') for path, text in rooms.items()
        if text.count('\n') > MOST_LINES))
    check('names that say something', (
        (path, 'says nothing') for path in rooms if path.stem in VAGUE))
    check('files open with a sentence', (
        (path, opening_problem(text)) for path, text in sources.items()))
    report.finish()


main()
