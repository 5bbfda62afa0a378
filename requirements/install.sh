#!/usr/bin/env bash
# install.sh LOCK FOLDER: a lock's wheels in a virtual environment, less what is never read at run time.
set -euo pipefail
python3 -m venv --without-pip "$2"
python3 -m pip --python "$2/bin/python" install --no-cache-dir --disable-pip-version-check --no-deps --require-hashes \
  --root-user-action=ignore -q -r "$1"
cd "$2"/lib/python3.*/site-packages
# Headers, static libraries and type stubs are for compilers and editors.
rm -rf tensorflow/include pyarrow/include tensorflow/xla_aot_runtime_src
find . \( -name '*.a' -o -name '*.lib' -o -name '*.pyi' -o -name '*.pyx' -o -name '*.pxd' \) -delete
# The tests of the libraries; a package that imports its own at run time keeps them.
for tests in numpy pandas pyarrow scipy apache_beam h5py nltk; do
  [ -d $tests ] && find $tests -type d -name tests -prune -exec rm -rf {} +
done
exit 0
