#!/usr/bin/env bash
# drizzle-orm 0.45.4 over bun:sqlite (Bun 1.4.5): a transaction with an async function is committed at its first
# `await`, and an error after that takes nothing back.
#
# The same call is right over PostgreSQL. Here the function's promise counts as its result: the types allow it, nothing
# warns, and the rejection reaches the caller as if there had been a rollback.
#
# Seen for `insert; await; throw`: still in a transaction: false, rejected: true, rows: 1
#
# fob gives transactions synchronous functions only.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --prefix . --no-audit --no-fund --loglevel=error bun@1.4.5 drizzle-orm@0.45.4 >&2
node node_modules/bun/install.js

cat > probe.ts <<'TS'
import { Database } from 'bun:sqlite'
import { drizzle } from 'drizzle-orm/bun-sqlite'
import { integer, sqliteTable } from 'drizzle-orm/sqlite-core'
const connection = new Database(':memory:')
connection.run('CREATE TABLE numbers (n INTEGER)')
const numbers = sqliteTable('numbers', { n: integer() })
const db = drizzle(connection)
let inside: boolean | undefined
const rejected = await db
  .transaction(async (tx) => {
    await tx.insert(numbers).values({ n: 1 })
    inside = connection.inTransaction
    throw new Error('take it back')
  })
  .then(() => false, () => true)
console.log(`still in a transaction: ${inside}, rejected: ${rejected}, rows: ${db.select().from(numbers).all().length}`)
TS
seen=$(node_modules/.bin/bun probe.ts)
if [ "$seen" != 'still in a transaction: false, rejected: true, rows: 1' ]; then echo "changed: $seen" >&2; exit 1; fi
echo 'as described'
