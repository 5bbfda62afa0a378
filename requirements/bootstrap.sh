#!/usr/bin/env bash
# bootstrap.sh PYTHON FOLDER: puts the pinned uv into FOLDER/bin, by pip.
# The Python of Debian and Ubuntu comes without pip; there it is unpacked from their package of it, for this once:
# nothing is installed on the machine.
set -euo pipefail
python=$1 folder=$2
install=(install -q --disable-pip-version-check --no-warn-script-location --root-user-action=ignore
  --require-hashes -r "$(dirname "$0")/uv.txt")

if "$python" -c 'import ensurepip' 2>/dev/null; then
  "$python" -m venv "$folder"
  "$folder/bin/python" -m pip "${install[@]}"
  exit
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
download() { (cd "$scratch" && apt-get download -qq python3-pip-whl) >/dev/null 2>&1; }
if ! download && ! { apt-get update -qq >/dev/null 2>&1 && download; }; then
  echo "Python's pip is needed to begin with. Install it: apt-get install python3.11-venv" >&2
  exit 2
fi
dpkg-deb -x "$scratch"/python3-pip-whl_*.deb "$scratch"
PYTHONPATH=$(echo "$scratch"/usr/share/python-wheels/pip-*.whl) "$python" -m pip "${install[@]}" --target "$folder"
