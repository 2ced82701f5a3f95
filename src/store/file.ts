import type { CredentialsFile } from './document.ts'
import { secretsOf, toCredential, toEntry, toStoredLogin } from './entry.ts'
import type { Store } from './store.ts'

/**
 * The file alone: the only store with `--auth-config` (R2). `reason` is noted with each login that is
 * saved, for `auth status` to show.
 */
export function fileStore(file: CredentialsFile, reason?: string): Store {
  return {
    path: file.path,
    list: async () => [...file.read().entries].map(([server, entry]) => toStoredLogin(server, entry)),
    read: async (server) => {
      const entry = file.read().entries.get(server)
      const secrets = entry === undefined ? undefined : secretsOf(entry)
      return entry === undefined || secrets === undefined ? undefined : toCredential(server, entry, secrets)
    },
    save: (credential) =>
      file.update(async ({ entries }) => {
        entries.set(credential.server, toEntry(credential, 'file', entries.get(credential.server), reason))
        return { place: 'file', reason: 'asked' }
      }),
    remove: (server) => file.update(async ({ entries }) => ({ found: entries.delete(server) })),
  }
}
