/** Fills a server's database with the users and tokens of a large company, for the benchmark of the API. */
import { Database } from 'bun:sqlite'
import { randomBytes } from 'node:crypto'

const ROWS_PER_TRANSACTION = 20_000
const YEAR_MS = 365 * 86_400_000

/**
 * A large company in a server's database: `tokens` scoped tokens and as many access tokens, 100 of each per
 * person. Beside the running server, as any other process of its user could.
 */
export function fill(path: string, tokens: number): void {
  const db = new Database(path)
  db.run('PRAGMA busy_timeout = 10000')
  const people = Math.ceil(tokens / 100)
  const expires = Date.now() + YEAR_MS
  const user = db.prepare(`INSERT INTO users (id, provider, subject, email, name, tenant_id, organizations,
    groups, created_at, updated_at) VALUES (?, 'github', ?, ?, 'A Person', 'ten_default', '["acme"]', '[]', 0, 0)`)
  const member = db.prepare(`INSERT INTO memberships (user_id, tenant_id, role, created_at)
    VALUES (?, 'ten_default', 'member', 0)`)
  const token = db.prepare(`INSERT INTO cli_tokens (id, hash, tenant_id, user_id, name, scopes,
    signature_required, created_at, expires_at) VALUES (?, ?, 'ten_default', ?, 'ci', '["runs:read"]', 0, 0, ?)`)
  const access = db.prepare(`INSERT INTO access_tokens (jti, user_id, client_id, expires_at)
    VALUES (?, ?, 'fob-cli', ?)`)
  inTransactions(db, people, (i) => {
    user.run(`usr_bench${i}`, String(i), `person${i}@example.com`)
    member.run(`usr_bench${i}`)
  })
  inTransactions(db, tokens, (i) => {
    const owner = `usr_bench${i % people}`
    token.run(`tok_${hex(16)}`, hex(32), owner, expires)
    access.run(hex(16), owner, expires)
  })
  db.run('PRAGMA wal_checkpoint(PASSIVE)')
  db.close()
}

/** Short ones: the server writes as well. */
function inTransactions(db: Database, count: number, write: (i: number) => void): void {
  for (let from = 0; from < count; from += ROWS_PER_TRANSACTION) {
    db.transaction(() => {
      for (let i = from; i < Math.min(from + ROWS_PER_TRANSACTION, count); i++) write(i)
    }).immediate()
  }
}

function hex(bytes: number): string {
  return randomBytes(bytes).toString('hex')
}
