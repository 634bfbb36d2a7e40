# Sourced by tests/run and samples/demo: what a fresh Debian machine lacks is installed, and the
# library configured and built, in one way, so that the two share packages and build folder.
# Expects $root, the project's folder.

missing=()  # packages to install, and what each is
purposes=()

# want PACKAGE PURPOSE COMMAND...: PACKAGE is missing unless COMMAND succeeds.
want() {
    local package=$1 purpose=$2
    shift 2
    "$@" >/dev/null 2>&1 && return
    missing+=("$package")
    purposes+=("$purpose")
}

# What everything here needs.
want_basics() {
    want gcc 'C compiler' command -v gcc
    want libc6-dev 'C library headers' test -e /usr/include/stdio.h
    want pkg-config 'finds libraries' command -v pkg-config
    want meson 'build system' command -v meson
    want ninja-build 'build tool' command -v ninja
    want python3 'runs the checks' command -v python3
    want liburing-dev 'io_uring library' pkg-config --atleast-version=2.3 liburing
    want zlib1g-dev 'compressed HTTP content' pkg-config --exists zlib
    want node-llhttp 'parses HTTP' eval 'pkg-config --exists libllhttp || test -e /usr/share/llhttp/llhttp.c'
    want libssl-dev 'OpenSSL, for TLS' pkg-config --atleast-version=3.0 openssl
    want libcmocka-dev 'unit tests' pkg-config --exists cmocka
}

# Install what is missing; where that cannot be done, say what to install and leave.
install_missing() {
    local as_root=() log command="apt-get install ${missing[*]}" i
    ((${#missing[@]})) || return 0
    if [ "$(id -u)" != 0 ]; then
        as_root=(sudo)
        # Without a terminal nobody can type a password.
        [ -t 0 ] || as_root=(sudo -n)
    fi
    if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
        echo "$0: missing ${missing[*]}, and only root can install: run '$command' as root" >&2
        exit 1
    fi
    log=$(mktemp)
    for i in "${!missing[@]}"; do
        echo "installing ${missing[i]} (${purposes[i]})"
    done
    if ! { "${as_root[@]}" apt-get update &&
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y \
            --no-install-recommends -o DPkg::Lock::Timeout=300 "${missing[@]}"; } \
        </dev/null >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        echo "$0: could not install ${missing[*]}: run '$command' as root" >&2
        exit 1
    fi
    rm -f "$log"
    missing=()
    purposes=()
}

# build FOLDER MESON_OPTION...: configure where needed and compile. Prints only what goes wrong.
build() {
    local folder=$1 log=$1/setup.log names again=()
    shift
    mkdir -p "$folder"
    # meson.build finds files by name, which ninja cannot see change: compare the names ourselves.
    names=$(cd "$root" && find loop future task net tests samples -type f 2>/dev/null | LC_ALL=C sort)
    if [ "$names" != "$(cat "$folder/setup.names" 2>/dev/null)" ]; then
        [ ! -f "$folder/build.ninja" ] || again=(--reconfigure)
        meson setup "${again[@]}" "$@" "$folder" "$root" >"$log" 2>&1 || { cat "$log"; return 1; }
        printf '%s\n' "$names" >"$folder/setup.names"
    fi
    ninja -C "$folder" --quiet >"$log" 2>&1 || { cat "$log"; return 1; }
}
