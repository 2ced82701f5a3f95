import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import { type Keychain, KEYCHAIN_REASONS } from '../platform/keychain.ts'
import { Secret } from '../redact/secret.ts'
import type { CredentialsFile } from './document.ts'
import { type Entry, type Secrets, secretsOf, toCredential, toEntry, toStoredLogin } from './entry.ts'
import type { Credential, Store } from './store.ts'

/** What one keychain entry holds: the secrets, and nothing that the index has. */
const secretsSchema = v.looseObject({ token: v.string(), refreshToken: v.optional(v.string()) })

export interface KeychainStoreOptions {
  file: CredentialsFile
  /** A function, so that the keychain is not woken before it is needed. */
  keychain: () => Keychain
  /** One per home, so that two homes never see each other's entries. */
  service: string
}

/**
 * Secrets in the keychain, everything else in the file. Where the keychain cannot take them, they rest in
 * the file as well, with the reason beside them (S199).
 */
export function keychainStore({ file, keychain, service }: KeychainStoreOptions): Store {
  return {
    path: file.path,
    list: async () => [...file.read().entries].map(([server, entry]) => toStoredLogin(server, entry)),
    read: async (server) => {
      const entry = file.read().entries.get(server)
      if (entry === undefined) return undefined
      const secrets = await findSecrets(server, entry, { keychain, service })
      return secrets === undefined ? undefined : toCredential(server, entry, secrets)
    },
    save: (credential, { preferFile = false } = {}) =>
      file.update(async ({ entries }) => {
        const { server } = credential
        const before = entries.get(server)
        const put = preferFile ? undefined : await keychain().set(service, server, serialize(credential))
        if (put?.ok === true) {
          entries.set(server, toEntry(credential, 'keychain', before))
          return { place: 'keychain' }
        }
        // An older secret must not outlive this login; where there was none, the keychain may sleep on.
        if (before !== undefined && before.storage !== 'file') await keychain().delete(service, server)
        const reason = put === undefined ? 'asked' : put.reason
        entries.set(server, toEntry(credential, 'file', before, reason))
        return { place: 'file', reason }
      }),
    remove: (server) =>
      file.update(async ({ entries }) => {
        const before = entries.get(server)
        const deleted = await keychain().delete(service, server)
        const found = entries.delete(server)
        // A keychain that never held it need not be reachable.
        if (deleted.ok || before?.storage !== 'keychain')
          return { found: found || (deleted.ok && deleted.value) }
        return { found, keychainFailure: deleted.reason }
      }),
  }
}

/**
 * `file`: the file's token, without waking the keychain. `keychain`: the keychain's. Neither said (a file
 * made by hand): the keychain first, then the file (R9).
 */
async function findSecrets(
  server: string,
  entry: Entry,
  { keychain, service }: Pick<KeychainStoreOptions, 'keychain' | 'service'>,
): Promise<Secrets | undefined> {
  if (entry.storage === 'file') return secretsOf(entry)
  const found = await keychain().get(service, server)
  const secrets = found.ok && found.value !== undefined ? deserialize(found.value) : undefined
  if (secrets !== undefined || entry.storage === undefined) return secrets ?? secretsOf(entry)
  const why = found.ok ? 'it holds none, or is locked' : KEYCHAIN_REASONS[found.reason]
  throw new Fault('unauthenticated', `the keychain does not give the credential for ${server}: ${why}`, {
    hint: `unlock the keychain, or run fob auth login -s ${server}`,
  })
}

function serialize({ token, refreshToken }: Credential): string {
  return JSON.stringify({
    token: token.reveal(),
    ...(refreshToken === undefined ? {} : { refreshToken: refreshToken.reveal() }),
  })
}

/** Undefined when the entry is not one of ours. */
function deserialize(text: string): Secrets | undefined {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return undefined
  }
  const parsed = v.safeParse(secretsSchema, value)
  if (!parsed.success) return undefined
  const { token, refreshToken } = parsed.output
  return {
    token: new Secret(token),
    ...(refreshToken === undefined ? {} : { refreshToken: new Secret(refreshToken) }),
  }
}
