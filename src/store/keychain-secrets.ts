/** The secrets of accounts in the keychain, one entry for each, and where to look for an account's. */
import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import { parseJson } from '../platform/parse-json.ts'
import type { Keychain, KeychainResult, Probe } from '../platform/keychain/keychain.ts'
import { type Entry, type Position, type Secrets, secretsFrom, secretsOf, textsOf } from './login-entry.ts'
import { UNNAMED } from './store-interface.ts'

/** What one keychain entry holds: the secrets, and nothing that the index has. */
const secretsSchema = v.looseObject({
  token: v.string(),
  refreshToken: v.optional(v.string()),
  dpopKey: v.optional(v.string()),
})

type AccountKey = Pick<Position, 'server' | 'account'>

export interface KeychainSecrets {
  get(key: AccountKey): Promise<KeychainResult<Secrets | undefined>>
  put(key: AccountKey, secrets: Secrets): Promise<KeychainResult<void>>
  /** False where there was none. */
  delete(key: AccountKey): Promise<KeychainResult<boolean>>
  probe(): Promise<Probe>
}

/**
 * @param open a function, so that the keychain is not woken before it is needed.
 * @param service one per home, so that two homes never see each other's entries.
 */
export function keychainSecrets(open: () => Promise<Keychain>, service: string): KeychainSecrets {
  // Loaded with the first use: a credential in the file needs nothing of this.
  const keychain = async () => {
    const { withParts } = await import('../platform/keychain/split-large-entries.ts')
    return withParts(await open())
  }
  return {
    get: async (key) => {
      const found = await (await keychain()).get(service, entryName(key))
      if (!found.ok || found.value === undefined) return found.ok ? { ok: true, value: undefined } : found
      const secrets = deserialize(found.value)
      return secrets === undefined ? { ok: false, reason: 'damaged' } : { ok: true, value: secrets }
    },
    put: async (key, secrets) => (await keychain()).set(service, entryName(key), serialize(secrets)),
    delete: async (key) => (await keychain()).delete(service, entryName(key)),
    probe: async () => {
      const { probeKeychain } = await import('../platform/keychain/keychain.ts')
      return probeKeychain(await open(), service)
    },
  }
}

/**
 * The secrets of an account. With `storage: file` from the file, without waking the keychain; with `keychain` from
 * there; with neither (a file made by hand) from the keychain, else from the file.
 * @throws Fault `unauthenticated` when the index says keychain and the keychain does not give them.
 */
export async function findSecrets(
  position: Position,
  entry: Entry,
  keychain: KeychainSecrets | undefined,
): Promise<Secrets | undefined> {
  if (entry.ended === true) return undefined
  if (keychain === undefined || entry.storage === 'file') return secretsOf(entry)
  const found = await keychain.get(position)
  const secrets = found.ok ? found.value : undefined
  if (secrets !== undefined || entry.storage === undefined) return secrets ?? secretsOf(entry)
  const { KEYCHAIN_REASONS } = await import('../platform/keychain/keychain.ts')
  const why = found.ok ? 'it holds none, or is locked' : KEYCHAIN_REASONS[found.reason]
  const { server } = position
  throw new Fault('unauthenticated', `the keychain does not give the credential for ${server}: ${why}`, {
    hint: `unlock the keychain, or run fob auth login -s ${server}`,
  })
}

/** Windows wants a user name of at most 513 characters, and a server decides how long its IDs are. */
const MAX_NAME = 400

/** A server's address has no fragment, so that no server is called like an account of another. */
function entryName({ server, account }: AccountKey): string {
  const name = account === UNNAMED ? server : `${server}#${account}`
  if (name.length <= MAX_NAME) return name
  return `${name.slice(0, MAX_NAME / 2)}~${new Bun.CryptoHasher('sha256').update(name).digest('hex')}`
}

function serialize(secrets: Secrets): string {
  // Members that are undefined are not written.
  return JSON.stringify(textsOf(secrets))
}

/** Undefined when the entry is not one of ours. */
function deserialize(text: string): Secrets | undefined {
  const parsed = v.safeParse(secretsSchema, parseJson(text))
  if (!parsed.success) return undefined
  return secretsFrom(parsed.output)
}
