"""An installed gyre serves its users: through pkg-config, CMake and as a meson subproject.

Installs the build into a scratch folder and builds one small program each way, as C and, with
CMake, without knowing which libraries gyre itself needs. What a machine lacks is skipped.
"""

import os
import pathlib
import shlex
import shutil
import subprocess
import tempfile

from report import Report

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ['GYRE_BUILD'])
PROGRAM = '''
#include <gyre/gyre.h>
#include <stdio.h>
#include <string.h>
int main(void)
{
    /* The second needs what gyre itself needs. */
    return strcmp(gyre_version(), GYRE_VERSION_STRING) != 0 || puts(gyre_version()) < 0 ||
           puts(gyre_tls_library_version()) < 0;
}
'''
CMAKE = '''
cmake_minimum_required(VERSION 3.16)
project(user C)
find_package(gyre 0.1 REQUIRED COMPONENTS {kind})
add_executable(user user.c)
target_link_libraries(user PRIVATE gyre::gyre)
'''
MESON = '''
project('user', 'c')
executable('user', 'user.c', dependencies: dependency('gyre', fallback: 'gyre'))
'''


def run(*command, **environment):
    """Output of a command that must succeed."""
    done = subprocess.run([str(word) for word in command], env={**os.environ, **environment},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise RuntimeError(f'{shlex.join(map(str, command))}\n{done.stdout}')
    return done.stdout


def find(root, name):
    """The one file of a name below a folder."""
    found = list(root.rglob(name))
    if len(found) != 1:
        raise RuntimeError(f'{len(found)} files {name} installed')
    return found[0]


def exported_names(scratch, installed):
    names = [line.split()[-1] for line in
             run('nm', '-D', '--defined-only', find(installed, 'libgyre.so')).splitlines()]
    stray = [name for name in names if not name.startswith('gyre_')]
    if stray or not names:
        raise RuntimeError(f'of {len(names)} exported names these are not gyre_...: {stray}')


def pkg_config(scratch, installed, *static):
    pc_file = find(installed, 'gyre.pc')
    flags = shlex.split(run('pkg-config', *static, '--cflags', '--libs', 'gyre',
                            PKG_CONFIG_PATH=str(pc_file.parent),
                            PKG_CONFIG_SYSROOT_DIR=str(installed)))
    if static:
        flags = ['-l:libgyre.a' if flag == '-lgyre' else flag for flag in flags]
    run(*shlex.split(os.environ['CC']), scratch / 'user.c', '-o', scratch / 'user', *flags)
    run(scratch / 'user', LD_LIBRARY_PATH=str(pc_file.parent.parent))
    libraries = run('ldd', scratch / 'user')
    if ('libgyre' in libraries) == bool(static):
        raise RuntimeError(f'linked the other kind of library:\n{libraries}')


def pkg_config_static(scratch, installed):
    pkg_config(scratch, installed, '--static')


def cmake(scratch, installed, kind=''):
    (scratch / 'CMakeLists.txt').write_text(CMAKE.format(kind=kind))
    # Told the folder, not the prefix: meson may choose a libdir in which CMake does not search.
    run('cmake', '-G', 'Ninja', '-S', scratch, '-B', scratch / 'build',
        f'-Dgyre_DIR={find(installed, "gyreConfig.cmake").parent}')
    run('cmake', '--build', scratch / 'build')
    run(scratch / 'build' / 'user')


def cmake_static(scratch, installed):
    cmake(scratch, installed, 'static')
    if 'libgyre' in run('ldd', scratch / 'build' / 'user'):
        raise RuntimeError('linked the shared library')


def meson_subproject(scratch, installed):
    (scratch / 'meson.build').write_text(MESON)
    (scratch / 'subprojects').mkdir()
    (scratch / 'subprojects' / 'gyre').symlink_to(ROOT)
    run('meson', 'setup', '--force-fallback-for=gyre', scratch / 'build', scratch)
    run('meson', 'compile', '-C', scratch / 'build')
    run(scratch / 'build' / 'user')


def main():
    report = Report()
    with tempfile.TemporaryDirectory() as folder:
        installed = pathlib.Path(folder) / 'installed'
        run('meson', 'install', '-C', BUILD, '--no-rebuild', '--destdir', installed)
        for check, tool in [(exported_names, 'nm'), (pkg_config, 'pkg-config'),
                            (pkg_config_static, 'pkg-config'), (cmake, 'cmake'),
                            (cmake_static, 'cmake'), (meson_subproject, 'meson')]:
            if not shutil.which(tool):
                report.skip(check.__name__, f'no {tool}')
                continue
            scratch = pathlib.Path(folder) / check.__name__
            scratch.mkdir()
            (scratch / 'user.c').write_text(PROGRAM)
            try:
                check(scratch, installed)
                report.check(check.__name__, '')
            except RuntimeError as problem:
                report.check(check.__name__, problem)
    report.finish()


main()
