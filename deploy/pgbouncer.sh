#!/bin/sh
# pgbouncer.sh CONFIGURATION: PgBouncer in a container. The configuration is the repository's; where the server is
# (DB_HOST) and who may sign in (DB_USER, DB_PASSWORD) come from the environment.
set -eu
umask 077
cd "$(mktemp -d)"
password=$(printf %s "$DB_PASSWORD" | sed 's/"/""/g')
printf '"%s" "%s"\n' "$DB_USER" "$password" > userlist.txt
sed "s|host=127.0.0.1|host=$DB_HOST|; s|^listen_addr = .*|listen_addr = *|" "$1" > pgbouncer.ini
exec pgbouncer pgbouncer.ini
