# Throwaway PostgreSQL, MariaDB and Redis servers on free ports of this machine, from its own programs: sourced by .ci/run, and run
# by `just dev-services`. As root the servers run as the users that they need.
# shellcheck shell=bash

servers=$(mktemp -d)
server_pids=()

stop_servers() {
  for pid in "${server_pids[@]}"; do
    # QUIT for PostgreSQL, which on TERM would wait for its connections; TERM for Redis, which does not hear QUIT in the background.
    kill -QUIT "$pid" 2>/dev/null && kill -TERM "$pid" 2>/dev/null || true
  done
  wait
  rm -rf "$servers"
}

has() { command -v "$1" >/dev/null; }
has_postgres() { compgen -G '/usr/lib/postgresql/*/bin/postgres' >/dev/null || has postgres; }

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# start NAME COMMAND...: a server in the background, with its log in $servers/NAME.log.
start() {
  local name=$1
  shift
  "$@" >"$servers/$name.log" 2>&1 &
  server_pids+=($!)
}

# await NAME COMMAND...: waits until the command succeeds.
await() {
  local name=$1
  shift
  for _ in $(seq 300); do
    if "$@" >/dev/null 2>&1; then return; fi
    sleep 0.1
  done
  echo "$name does not answer:" >&2
  cat "$servers/$name.log" >&2
  exit 1
}

start_postgres() {
  local bin port user=()
  bin=$(compgen -G '/usr/lib/postgresql/*/bin' | sort -V | tail -n 1) || bin=$(dirname "$(command -v postgres)")
  port=$(free_port)
  mkdir "$servers/postgres"
  if [ "$(id -u)" = 0 ]; then # which PostgreSQL refuses to run as
    chmod 755 "$servers"
    chown postgres: "$servers/postgres"
    user=(setpriv --reuid=postgres --regid=postgres --clear-groups)
  fi
  (cd "$servers" && "${user[@]}" "$bin/initdb" --username=postgres --auth=trust --encoding=UTF8 --no-locale --no-sync \
    --pgdata "$servers/postgres/data" >/dev/null)
  start postgres "${user[@]}" "$bin/postgres" -D "$servers/postgres/data" -p "$port" -c listen_addresses=127.0.0.1 \
    -c unix_socket_directories= -c max_connections=500 -c fsync=off -c full_page_writes=off
  postgres_url="postgres://postgres@127.0.0.1:$port/postgres"
  await postgres psql --no-psqlrc "$postgres_url" -c 'SELECT 1'
}

start_mariadb() {
  local places user=()
  mariadb_port=$(free_port)
  mkdir "$servers/mariadb"
  places=("--datadir=$servers/mariadb/data" "--tmpdir=$servers/mariadb")
  if [ "$(id -u)" = 0 ]; then user=(--user=root); fi
  mariadb-install-db --no-defaults --auth-root-authentication-method=normal --skip-test-db "${places[@]}" "${user[@]}" >/dev/null
  start mariadb mariadbd --no-defaults "${places[@]}" "${user[@]}" --port="$mariadb_port" --bind-address=127.0.0.1 --skip-name-resolve \
    --socket="$servers/mariadb/socket" --pid-file="$servers/mariadb/pid" --max-connections=500 \
    --character-set-server=utf8mb4 --innodb-flush-log-at-trx-commit=2 --innodb-doublewrite=0
  mariadb_url="mysql://root@127.0.0.1:$mariadb_port/"
  await mariadb mariadb --no-defaults --protocol=tcp --host=127.0.0.1 --port="$mariadb_port" --user=root -e 'SELECT 1'
}

start_redis() {
  redis_port=$(free_port)
  start redis redis-server --port "$redis_port" --bind 127.0.0.1 --dir "$servers" --save '' --appendonly no
  redis_url="redis://127.0.0.1:$redis_port"
  await redis redis-cli -h 127.0.0.1 -p "$redis_port" ping
}
