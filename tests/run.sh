#!/usr/bin/env bash
# Which servers do the tests share? Starts them once, runs pytest with the words given, ends them.
set -euo pipefail
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'bash tests/elasticsearch.sh stop --dir "$folder/plain" || true; rm -rf "$folder"' EXIT
if [ -z "${CITYWATCH_TEST_ELASTICSEARCH:-}" ]; then
  chmod 755 "$folder"
  if url=$(bash tests/elasticsearch.sh start --port 0 --dir "$folder/plain" 2>"$folder/why"); then
    export CITYWATCH_TEST_ELASTICSEARCH=${url##*$'\n'}
  else
    echo "no Elasticsearch on this machine ($(tail -n 1 "$folder/why")): the tests that need it are skipped" >&2
  fi
fi
.venv/bin/pytest "$@"
