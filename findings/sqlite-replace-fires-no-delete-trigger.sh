#!/usr/bin/env bash
# SQLite 3.40.1: `INSERT OR REPLACE` deletes the old row without its delete triggers.
#
# The row that is in the way is removed, and triggers `AFTER DELETE` fire only with `PRAGMA recursive_triggers`, which is
# off by default and says nothing of this in its name. A count or a log kept by triggers is then wrong. What
# `ON CONFLICT DO UPDATE` does is an update, whose triggers fire. Uses python3's sqlite3.
#
# Seen, triggers that fire when row 1 is replaced:
#   INSERT OR REPLACE                                 insert
#   INSERT OR REPLACE, with recursive_triggers        delete insert
#   INSERT … ON CONFLICT DO UPDATE                    update
#
# fob caches what it knows of credentials until triggers report a change, and uses `ON CONFLICT DO UPDATE` only.
set -euo pipefail
command -v python3 >/dev/null || { echo 'needs python3' >&2; exit 2; }
seen=$(python3 - <<'PY'
import sqlite3

def fired(statement, pragma=''):
    db = sqlite3.connect(':memory:')
    db.executescript(f'''
        {pragma}
        CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT);
        CREATE TABLE events (name TEXT);
        INSERT INTO things VALUES (1, 'old');
        CREATE TRIGGER a AFTER INSERT ON things BEGIN INSERT INTO events VALUES ('insert'); END;
        CREATE TRIGGER b AFTER UPDATE ON things BEGIN INSERT INTO events VALUES ('update'); END;
        CREATE TRIGGER c AFTER DELETE ON things BEGIN INSERT INTO events VALUES ('delete'); END;
    ''')
    db.execute(statement)
    return ' '.join(name for (name,) in db.execute('SELECT name FROM events ORDER BY rowid'))

replace = "INSERT OR REPLACE INTO things VALUES (1, 'new')"
print(fired(replace))
print(fired(replace, 'PRAGMA recursive_triggers = ON;'))
print(fired("INSERT INTO things VALUES (1, 'new') ON CONFLICT DO UPDATE SET name = excluded.name"))
PY
)
expected='insert
delete insert
update'
if [ "$seen" != "$expected" ]; then printf 'changed:\n%s\n' "$seen" >&2; exit 1; fi
echo 'as described'
