"""Headers stand alone: each compiles by itself, twice over, as C11; the public ones as C++17 too."""

import os
import pathlib
import shlex
import subprocess

from report import Report

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ['GYRE_BUILD'])
WARNINGS = ['-Wall', '-Wextra', '-Wpedantic', '-Wundef', '-Werror']
USE = 'extern int something_follows;\n'  # C wants a declaration in every file


def compile_alone(compiler, language, standard, include, *flags):
    """The compiler's complaint about a header included alone, and again."""
    command = shlex.split(compiler) + ['-x', language, f'-std={standard}', '-fsyntax-only', '-']
    done = subprocess.run(command + WARNINGS + list(flags), input=f'#include {include}\n' * 2 + USE,
                          stderr=subprocess.PIPE, text=True)
    return done.stderr or (f'exit status {done.returncode}' if done.returncode else '')


def main():
    report = Report()
    cxx = os.environ['CXX']
    if not cxx:
        report.skip('headers as C++17', 'no C++ compiler')
    # Public headers as a user sees them: by their installed names, without our macros or folders.
    for path in sorted((BUILD / 'include').rglob('*.h')):
        name = path.relative_to(BUILD / 'include')
        flags = ['-I', str(BUILD / 'include')]
        problem = compile_alone(os.environ['CC'], 'c', 'c11', f'<{name}>', *flags)
        if cxx:
            problem += compile_alone(cxx, 'c++', 'c++17', f'<{name}>', *flags)
        report.check(name, problem)
    internal = shlex.split(os.environ.get('GYRE_INTERNAL_CFLAGS', ''))
    for path in sorted(ROOT.glob('*/*_internal.h')):
        name = path.relative_to(ROOT)
        report.check(name, compile_alone(os.environ['CC'], 'c', 'c11', f'"{name}"', '-I', str(ROOT),
                                         '-D_GNU_SOURCE', *internal))
    report.finish()


main()
