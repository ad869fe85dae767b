#!/usr/bin/env bash
# Backups of the server of docker-compose.yml; run by `make backup` and `make restore`.
#
#   compose/backup.sh backup FOLDER     while the server runs
#   compose/backup.sh restore FOLDER    into empty volumes; REPLACE=yes: over what is there
#
# A backup holds the database's dump, uploaded and exported files, the pictures, .env and
# .secrets, how many rows there are, and a checksum of each. Whoever can read it can
# log in: keep it as closely as the server.
set -euo pipefail
umask 077
cd "$(dirname "${BASH_SOURCE[0]}")/.."

docker compose version >/dev/null 2>&1 && compose=(docker compose) || compose=(docker-compose)
image=ls-integration-label-studio:1.23.2
data=/label-studio/data

fail() {
    echo "error: $1" >&2
    exit 1
}

container() {
    local id
    id=$("${compose[@]}" ps --all --quiet "$1")
    test -n "$id" || fail "there is no container of $1; start the server with docker compose up --detach"
    echo "$id"
}

in_database() {
    docker exec -i "$database" "$1" --username label_studio "${@:2}"
}

media_folder() {
    local folder
    folder=$(sed -n "s/^LS_INTEGRATION_MEDIA=//p" .env | tail -n 1 | sed "s/^'\(.*\)'$/\1/")
    test -n "$folder" || fail "LS_INTEGRATION_MEDIA is not in .env; put it back"
    echo "$folder"
}

count_rows() {
    in_database psql --dbname label_studio --no-align --tuples-only --command "
        SELECT 'users ' || count(*) FROM htx_user UNION ALL
        SELECT 'projects ' || count(*) FROM project UNION ALL
        SELECT 'tasks ' || count(*) FROM task UNION ALL
        SELECT 'annotations ' || count(*) FROM task_completion UNION ALL
        SELECT 'drafts ' || count(*) FROM tasks_annotationdraft UNION ALL
        SELECT 'predictions ' || count(*) FROM prediction"
}

backup() {
    local folder=$1 media
    test ! -e "$folder" || fail "$folder is there already; name another folder with TO="
    media=$(media_folder)
    database=$(container database)
    local server
    server=$(container label-studio)
    rm -rf "$folder.partial"
    mkdir -p "$folder.partial"
    # The database first: files that came later are then merely not known to it.
    in_database pg_dump --format custom label_studio > "$folder.partial/database.dump"
    in_database pg_restore --list < "$folder.partial/database.dump" > /dev/null
    count_rows > "$folder.partial/rows.txt"
    docker exec "$server" tar --directory "$data" --create . > "$folder.partial/data.tar"
    tar --directory "$media" --create --file "$folder.partial/pictures.tar" .
    tar --create --file "$folder.partial/settings.tar" .env .secrets
    (cd "$folder.partial" && sha256sum -- *.dump *.tar *.txt > SHA256SUMS)
    sync -f "$folder.partial"
    mv "$folder.partial" "$folder"
    echo "backup: $folder ($(du -sh "$folder" | cut -f 1); $(paste -sd, "$folder/rows.txt"))"
}

restore() {
    local folder=$1 media tables
    test -f "$folder/SHA256SUMS" || fail "there is no backup in $folder; name one with FROM="
    (cd "$folder" && sha256sum --check --quiet SHA256SUMS) ||
        fail "the backup in $folder is damaged; take another one"
    if [[ ! -e .env && ! -e .secrets ]]; then
        tar --extract --file "$folder/settings.tar"
    fi
    tar --extract --to-stdout --file "$folder/settings.tar" .secrets/secret_key |
        cmp --silent - .secrets/secret_key ||
        fail "this clone has secrets of another server; move .env and .secrets away, then restore"
    media=$(media_folder)
    "${compose[@]}" stop label-studio
    "${compose[@]}" up --no-start
    "${compose[@]}" up --detach database
    database=$(container database)
    wait_for "$database"
    tables=$(in_database psql --dbname label_studio --no-align --tuples-only --command \
        "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
    [[ "$tables" = 0 || "${REPLACE:-}" = yes ]] ||
        fail "the database is not empty; REPLACE=yes puts the backup in its place"
    in_database dropdb --force --if-exists label_studio
    in_database createdb label_studio
    # All or nothing.
    in_database pg_restore --dbname label_studio --no-owner --single-transaction \
        --exit-on-error < "$folder/database.dump"
    docker run --rm --interactive --network none --cap-drop ALL \
        --volumes-from "$(container label-studio)" \
        --entrypoint tar "$image" --directory "$data" --extract < "$folder/data.tar"
    test -d "$media" || mkdir -p -m 755 "$media"
    tar --directory "$media" --extract --same-permissions --file "$folder/pictures.tar"
    count_rows | cmp --silent - "$folder/rows.txt" ||
        fail "the restored database has other numbers of rows than $folder/rows.txt says"
    "${compose[@]}" up --detach
    wait_for "$(container label-studio)"
    echo "restored: $folder ($(paste -sd, "$folder/rows.txt"))"
}

# Until a container's health check is content.
wait_for() {
    local state
    for _ in $(seq 300); do
        state=$(docker inspect --format '{{.State.Health.Status}}' "$1")
        test "$state" != healthy || return 0
        sleep 1
    done
    fail "$(docker inspect --format '{{.Name}}' "$1") is $state after 300 s; look at its log"
}

case "${1:-}" in
    backup | restore) "$1" "${2:?name a folder}" ;;
    *) fail "backup or restore, and a folder" ;;
esac
