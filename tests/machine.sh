#!/usr/bin/env bash
# What does this machine lack, and can it be had?
#   machine.sh venv     make .venv with a Python of 3.11 or newer
#   machine.sh tools    Chromium, iproute2, dovecot, tcpreplay, nmap, nfdump, unzip by apt; a line for each that cannot be had
set -euo pipefail
cd "$(dirname "$0")/.."

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; elif sudo -n true 2>/dev/null; then sudo -n "$@"; else return 1; fi; }
apt_install() {
  command -v apt-get >/dev/null || return 1
  [ -n "${apt_updated:-}" ] || { as_root apt-get update -qq >/dev/null 2>&1 || true; apt_updated=1; }
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1
}
python() {
  for name in ${PYTHON:-} /usr/bin/python3 python3.13 python3.12 python3.11 python3; do
    command -v "$name" >/dev/null 2>&1 || continue
    "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$name"; return 0; }
  done
  return 1
}

case ${1:?venv or tools} in
venv)
  python >/dev/null || apt_install python3 || true
  chosen=$(python) || { echo "CityWatch needs Python 3.11 or newer; none was found" >&2; exit 1; }
  [ -x .venv/bin/pip ] && exit 0
  rm -rf .venv
  "$chosen" -m venv .venv >/dev/null 2>&1 || { rm -rf .venv; apt_install python3-venv && "$chosen" -m venv .venv; } || {
    echo "$chosen cannot make a virtual environment: install the package python3-venv (apt install python3-venv)" >&2; exit 1; }
  # --group needs pip 25.1
  .venv/bin/pip install -q --upgrade "pip>=25.1"
  ;;
tools)
  for pair in chromium:chromium ip:iproute2 dovecot:dovecot-imapd tcpreplay:tcpreplay nmap:nmap nfcapd:nfdump unzip:unzip mvn:maven; do
    command -v "${pair%%:*}" >/dev/null || apt_install "${pair##*:}" \
      || echo "not on this machine and not to be had by apt: ${pair##*:} (the tests that need it are skipped)" >&2
  done
  ;;
*) echo "venv or tools" >&2; exit 2 ;;
esac
