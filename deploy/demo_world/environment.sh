# The environment that this project's tools run in; for `.` by deploy/demo, tests/run and tests/bench.
#
# Brings Python so far that it can take over: a place for everything ($cache), an interpreter ($python), and a
# virtual environment ($venv) with the project in it. It installs nothing on the machine and needs nothing but
# apt's and pip's own mirrors. Whoever sources it has set $checkout, and $tool, the name for messages.

world=$checkout/deploy/demo_world
if [ -n "${CONSENTGATE_DEMO_DIR:-}" ]; then
    cache=$CONSENTGATE_DEMO_DIR
elif [ "$(id -u)" = 0 ]; then
    cache=/var/cache/consentgate-demo
else
    cache=${XDG_CACHE_HOME:-$HOME/.cache}/consentgate-demo
fi

case $cache in
/*) ;;
*) cache=$(pwd -P)/$cache ;;
esac

say() { echo "$*" >&2; }
fail() {
    say "$tool: $*"
    exit 1
}

# As root, the servers run as users of their own, so the interpreter must be one that they can execute: not
# one below root's home.
usable() {
    try='import sys, ssl, sqlite3, venv; sys.exit(sys.version_info < (3, 11))'
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=65534 --regid=65534 --clear-groups -- "$1" -I -c "$try" 2>/dev/null
    else
        "$1" -I -c "$try" 2>/dev/null
    fi
}

find_python() {
    for candidate in /usr/bin/python3 /usr/bin/python3.[1-9][1-9] /usr/local/bin/python3 \
        /usr/local/bin/python3.[1-9][1-9] "$(command -v python3 || true)" "$(command -v python3.11 || true)" \
        "$(command -v python3.12 || true)" "$(command -v python3.13 || true)"; do
        if [ -x "$candidate" ] && usable "$candidate"; then
            "$candidate" -I -c 'import sys; print(sys.executable)'
            return
        fi
    done
}

# Prints the directory of a pip wheel: the interpreter's own, the machine's, or one fetched from its mirror.
find_pip() {
    bundled=$("$1" -I -c 'import ensurepip, pathlib; print(pathlib.Path(ensurepip.__file__).parent / "_bundled")' \
        2>/dev/null || true)
    for place in "$bundled" /usr/share/python-wheels "$cache/packages/pip/usr/share/python-wheels"; do
        if ls "$place"/pip-*.whl >/dev/null 2>&1; then
            echo "$place"
            return
        fi
    done
    say "  pip: fetched from the machine's own mirror"
    "$world/private-apt" update "$cache/packages/apt-own" own >/dev/null
    "$world/private-apt" unpack "$cache/packages/apt-own" "$cache/packages/pip" python3-pip-whl >/dev/null
    echo "$cache/packages/pip/usr/share/python-wheels"
}

# A machine with no Python at all gets its own release's, in a prefix of ours. The machine's libc serves it
# (same release), its other libraries come along and are found by LD_LIBRARY_PATH.
fetch_python() {
    prefix=$cache/packages/python
    if [ ! -d "$prefix" ]; then
        say "  Python: none from 3.11 on here; fetching this release's own"
        "$world/private-apt" update "$cache/packages/apt-own" own >/dev/null
        "$world/private-apt" unpack "$cache/packages/apt-own" "$prefix" python3 >/dev/null
        # A libc beside the machine's loader would be a second one in the same process.
        find "$prefix" \( -name 'libc.so.*' -o -name 'ld-linux*' -o -name 'libm.so.*' -o -name 'libpthread.so.*' \
            -o -name 'libdl.so.*' -o -name 'librt.so.*' -o -name 'libresolv.so.*' -o -name 'libnss_*' \
            -o -name 'libutil.so.*' \) -delete
    fi
    libraries=
    for place in "$prefix"/usr/lib/*-linux-gnu* "$prefix"/lib/*-linux-gnu*; do
        if [ -d "$place" ]; then libraries=$libraries${libraries:+:}$place; fi
    done
    LD_LIBRARY_PATH=$libraries
    export LD_LIBRARY_PATH
    python=$(find "$prefix/usr/bin" -name 'python3.[1-9][1-9]' | head -n 1)
    if [ -z "$python" ] || ! usable "$python"; then
        fail "this machine has no Python from 3.11 on that every user may execute, and its mirror brought none that" \
            "works. Install one (Debian, Ubuntu: apt-get install python3) and start again."
    fi
}

hash_of() { sha256sum | cut -c 1-16; }

project_hash() {
    (
        cd "$checkout"
        find ari_app pyproject.toml README.md LICENSE -type f ! -path '*/__pycache__/*' -print0 2>/dev/null |
            LC_ALL=C sort -z | xargs -0 sha256sum | hash_of
    )
}

# Makes $venv hold what the checkout holds now; seconds when nothing has changed. $1: extras, as `[test]`.
install_project() {
    extras=${1:-}
    lock=$checkout/requirements.lock
    environment=$( (
        echo "$python"
        "$python" -I -V
        echo "$extras"
        cat "$checkout/pyproject.toml"
        if [ -e "$lock" ]; then cat "$lock"; fi
    ) | hash_of)
    wanted="$environment $(project_hash)"
    if [ "$(cat "$venv/stamp" 2>/dev/null)" = "$wanted" ]; then return; fi
    # An editor's half-written file must not be built twice, and a build must leave nothing in the checkout.
    source=$cache/source
    rm -rf "$source"
    mkdir -p "$source"
    for part in ari_app pyproject.toml README.md LICENSE; do
        if [ -e "$checkout/$part" ]; then cp -R "$checkout/$part" "$source/"; fi
    done
    PIP_DISABLE_PIP_VERSION_CHECK=1
    PIP_ROOT_USER_ACTION=ignore
    export PIP_DISABLE_PIP_VERSION_CHECK PIP_ROOT_USER_ACTION
    if [ "$(cut -d ' ' -f 1 "$venv/stamp" 2>/dev/null)" = "$environment" ]; then
        rm -f "$venv/stamp"
        say "  project: its files have changed, installing them"
        install --no-deps --force-reinstall "$source"
    else
        say "  Python: $("$python" -I -V | cut -d ' ' -f 2) ($python); installing the project and what it needs"
        rm -rf "$venv"
        "$python" -I -m venv --without-pip "$venv"
        wheels=$(find_pip "$python")
        # pip runs from its own wheel to install itself; neither ensurepip nor python3-venv is needed.
        "$venv/bin/python" "$(ls "$wheels"/pip-*.whl | tail -n 1)/pip" install -q --no-index --find-links "$wheels" pip
        if [ -e "$lock" ]; then set -- --constraint "$lock"; else set --; fi
        install "$@" "$source$extras"
    fi
    rm -rf "$source"
    echo "$wanted" >"$venv/stamp"
}

# pip, with a line per download and its whole output only when it fails.
install() {
    log=$cache/pip.log
    # The tee'd pipe hides pip's status, so it goes through a file.
    { "$venv/bin/python" -m pip install --no-input --progress-bar off "$@" 2>&1 || echo "status $?"; } |
        tee "$log" | sed -n 's/^ *Downloading \([^ ]*\/\)*\([^ /]*\) \(.*\)/  \2 \3/p' >&2
    if grep -q '^status ' "$log"; then
        tail -n 25 "$log" >&2
        fail "pip could not install the project; the whole output is in $log"
    fi
}

# Leaves $python and $venv set, made or renewed by one process at a time. $1: the environment's name below $cache;
# $2: extras.
make_environment() {
    mkdir -p "$cache/packages"
    exec 9>"$cache/setup.lock"
    flock 9
    python=$(find_python)
    if [ -z "$python" ]; then fetch_python; fi
    venv=$cache/$1
    install_project "${2:-}"
    exec 9>&-
}
