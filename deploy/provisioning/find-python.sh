# Sourced by the commands: sets PYTHON to an interpreter of 3.11 to 3.14, or ends with one sentence.
PYTHON=
for candidate in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null; then
        PYTHON=$candidate
        break
    fi
done
if [ -z "$PYTHON" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Debian's packages python3 and python3-venv with apt-get."
    { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends \
        python3 python3-venv; } >/dev/null 2>&1 </dev/null || true
    if python3 -c 'import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null; then
        PYTHON=python3
    fi
fi
if [ -z "$PYTHON" ]; then
    echo "Python 3.11 to 3.14 is needed: install it so that 'python3' is one of these, then run this again." >&2
    exit 69
fi
