/** SQLite as a store for secrets: its settings, when they ask for it, and how it is opened. */
import { Secret } from '../../../redact/secret.ts'
import type { BackendChoice, BackendKind } from '../backend-interface.ts'

const MEMORY = ':memory:'

/** The store when no other one is asked for: the server's own database, or a file of its own. */
export const sqliteKind: BackendKind = {
  name: 'sqlite',
  settings: {
    'secrets-sqlite-path': {
      value: 'PATH',
      path: true,
      description: 'a database of their own for secrets; ":memory:" keeps nothing (default: in --data)',
    },
    'secrets-sqlite-passphrase': {
      value: 'PASSPHRASE',
      secret: true,
      description: 'what secrets are encrypted under; without it none can be stored',
    },
  },

  choose(values): BackendChoice {
    const path = values['secrets-sqlite-path']
    const passphrase = values['secrets-sqlite-passphrase']
    return {
      kind: 'sqlite',
      passphrase: passphrase === undefined ? undefined : new Secret(passphrase),
      passphraseFlag: '--secrets-sqlite-passphrase',
      encrypts: false,
      lasting: path !== MEMORY,
      async open({ db, defaultTenantId, unlock, clock, log }) {
        const { openSqliteFile, sqliteBackend } = await import('./sqlite-backend.ts')
        if (path === undefined) return sqliteBackend({ db, close: () => {} }, "the server's database", clock)
        if (path !== MEMORY) {
          const { adoptOldDatabase } = await import('../adopt-legacy-database.ts')
          const secrets = adoptOldDatabase(path, { unlock, tenantId: defaultTenantId, now: clock.now() })
          if (secrets !== undefined) {
            log.warn('a secrets database of an older program was converted in place', {
              path,
              secrets,
              hint: 'that program cannot read it any more: keep its own copy of the file, if you may go back',
            })
          }
        }
        return openSqliteFile(path, clock)
      },
    }
  },
}
