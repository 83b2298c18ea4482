#!/usr/bin/env bash
# Runs MariaDB, PostgreSQL and Redis to develop against until Ctrl-C: from the compose file where a container engine runs, else from
# the programs of this machine, in a throwaway folder.
set -euo pipefail
cd "$(dirname "$0")/.."

tell() {
  echo "MariaDB, PostgreSQL and Redis are running, until Ctrl-C. In another terminal, with one of the databases:"
  echo
  echo "  export TASKSERVER__DATABASE__CREATE_PLATFORM_TABLES=true TASKSERVER__REDIS__ENABLED=true"
  echo "  export TASKSERVER__REDIS__PORT=$redis_port${redis_password:+ TASKSERVER__REDIS__PASSWORD=$redis_password}"
  echo "  TASKSERVER__DATABASE__URL=$mariadb_url just run"
  echo "  TASKSERVER__DATABASE__URL=$postgres_url just run"
}

from_containers() {
  local compose=("$engine" compose --project-name taskserver-dev --env-file docker/.env.example -f docker/compose.yaml)
  . docker/.env.example
  trap '"${compose[@]}" down --volumes' EXIT
  "${compose[@]}" --profile postgres up --detach --wait mariadb postgres redis
  mariadb_url="mysql://server:$MARIADB_PASSWORD@127.0.0.1:3306/ir-engine"
  postgres_url="postgres://server:$POSTGRES_PASSWORD@127.0.0.1:5432/ir-engine"
  redis_port=6379 redis_password=$REDIS_PASSWORD
  tell
  "${compose[@]}" logs --follow --tail 0 mariadb postgres redis
}

from_programs() {
  PATH=$PATH:/usr/sbin
  . tests/servers.sh
  local missing=()
  has mariadbd && has mariadb-install-db && has mariadb || missing+=(MariaDB)
  has_postgres && has psql || missing+=(PostgreSQL)
  has redis-server && has redis-cli || missing+=(Redis)
  has python3 || missing+=(Python)
  if [ ${#missing[@]} -gt 0 ]; then
    echo "There is no container engine that runs (docker or podman, with compose), and not installed are: ${missing[*]}." >&2
    echo "Start or install one, or on Debian: apt-get install mariadb-server postgresql redis-server python3" >&2
    exit 1
  fi
  trap stop_servers EXIT
  start_mariadb
  start_postgres
  start_redis
  mariadb --no-defaults --protocol=tcp --host=127.0.0.1 --port="$mariadb_port" --user=root -e 'CREATE DATABASE `ir-engine`'
  mariadb_url+=ir-engine redis_password=
  tell
  wait -n "${server_pids[@]}"
  echo "A server has ended:" >&2
  tail -n 5 "$servers"/*.log >&2
  exit 1
}

trap 'exit 130' INT TERM
for engine in docker podman; do
  if "$engine" info >/dev/null 2>&1 && "$engine" compose version >/dev/null 2>&1; then
    from_containers
    exit
  fi
done
from_programs
