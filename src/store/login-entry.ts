import * as v from 'valibot'
import { instant } from '../contract/instant.ts'
import { Secret } from '../redact/secret.ts'
import type { Credential, Login, OAuthClient, Place, StoredCredential, StoredLogin } from './store.ts'

/**
 * One account in the credentials file. The plain form of the documents, a token alone, is a valid one;
 * fields that we do not know survive every rewrite.
 */
export const entrySchema = v.looseObject({
  token: v.optional(v.pipe(v.string(), v.nonEmpty())),
  refreshToken: v.optional(v.string()),
  kind: v.optional(v.picklist(['oauth', 'token', 'basic'])),
  username: v.optional(v.string()),
  /** RFC 3339. */
  expiresAt: v.optional(v.pipe(v.string(), v.isoTimestamp())),
  scopes: v.optional(v.array(v.string())),
  tenant: v.optional(v.string()),
  user: v.optional(
    v.looseObject({
      id: v.optional(v.string()),
      name: v.optional(v.string()),
      email: v.optional(v.string()),
    }),
  ),
  oauth: v.optional(
    v.looseObject({
      issuer: v.string(),
      clientId: v.string(),
      tokenEndpoint: v.string(),
      revocationEndpoint: v.optional(v.string()),
    }),
  ),
  /** Absent in a file made by hand: then the keychain is asked before the file's own token. */
  storage: v.optional(v.picklist(['keychain', 'file'])),
  storageReason: v.optional(v.string()),
  /** The secret is in the keychain, and a refresh token is part of it. */
  renewable: v.optional(v.boolean()),
  /** Refused by the server, and its secrets are deleted. */
  ended: v.optional(v.boolean()),
})
export type Entry = v.InferOutput<typeof entrySchema>

/** Which account of a server an entry is, and whether it is the current one. */
export interface Position {
  server: string
  account: string
  current: boolean
}

/** The entry as a login without secrets. */
export function toStoredLogin({ server, account, current }: Position, entry: Entry): StoredLogin {
  return {
    ...toLogin(server, entry),
    account,
    current,
    place: entry.storage ?? 'file',
    ...(entry.storageReason === undefined ? {} : { placeReason: entry.storageReason }),
    renewable: entry.oauth !== undefined && (entry.refreshToken !== undefined || entry.renewable === true),
    ...(entry.ended === true ? { ended: true } : {}),
  }
}

export interface Secrets {
  token: Secret
  refreshToken?: Secret
}

/** The secrets that stand in the file itself. */
export function secretsOf(entry: Entry): Secrets | undefined {
  if (entry.token === undefined) return undefined
  return {
    token: new Secret(entry.token),
    ...(entry.refreshToken === undefined ? {} : { refreshToken: new Secret(entry.refreshToken) }),
  }
}

export function sameSecrets(a: Secrets, b: Secrets): boolean {
  return a.token.reveal() === b.token.reveal() && a.refreshToken?.reveal() === b.refreshToken?.reveal()
}

export function toCredential(
  { server, account }: Position,
  entry: Entry,
  secrets: Secrets,
): StoredCredential {
  return { ...toLogin(server, entry), account, ...secrets }
}

/** The entry to write. Fields of `before` that are not ours stay; all of ours are replaced. */
export function toEntry(
  credential: Credential,
  place: Place,
  before: Entry | undefined,
  reason?: string,
): Entry {
  const kept = Object.entries(before ?? {}).filter(([name]) => !Object.hasOwn(entrySchema.entries, name))
  const { expiresAt, tenant, user, username, oauth, refreshToken } = credential
  const inFile = place === 'file'
  return {
    ...Object.fromEntries(kept),
    kind: credential.kind,
    ...(username === undefined ? {} : { username }),
    ...(inFile ? { token: credential.token.reveal() } : {}),
    ...(inFile && refreshToken !== undefined ? { refreshToken: refreshToken.reveal() } : {}),
    ...(expiresAt === undefined ? {} : { expiresAt: instant(expiresAt) }),
    scopes: [...credential.scopes],
    ...(tenant === undefined ? {} : { tenant }),
    ...(user === undefined ? {} : { user: { ...user } }),
    ...(oauth === undefined ? {} : { oauth: { ...oauth } }),
    storage: place,
    ...(reason === undefined ? {} : { storageReason: reason }),
    ...(!inFile && refreshToken !== undefined ? { renewable: true } : {}),
  }
}

/** What is left of an entry when its secrets are deleted: who it was, and where. */
export function endedEntry(entry: Entry): Entry {
  const { token: _, refreshToken: __, storage: ___, storageReason: ____, renewable: _____, ...kept } = entry
  return { ...kept, ended: true }
}

function toLogin(server: string, entry: Entry): Login {
  return {
    server,
    kind: entry.kind ?? 'token',
    ...(entry.username === undefined ? {} : { username: entry.username }),
    ...(entry.expiresAt === undefined ? {} : { expiresAt: Date.parse(entry.expiresAt) }),
    scopes: entry.scopes ?? [],
    ...(entry.tenant === undefined ? {} : { tenant: entry.tenant }),
    ...(entry.user === undefined ? {} : { user: pickUser(entry.user) }),
    ...(entry.oauth === undefined ? {} : { oauth: pickOAuth(entry.oauth) }),
  }
}

function pickUser({ id, name, email }: NonNullable<Entry['user']>): NonNullable<Login['user']> {
  return {
    ...(id === undefined ? {} : { id }),
    ...(name === undefined ? {} : { name }),
    ...(email === undefined ? {} : { email }),
  }
}

function pickOAuth(oauth: NonNullable<Entry['oauth']>): OAuthClient {
  const { issuer, clientId, tokenEndpoint, revocationEndpoint } = oauth
  return {
    issuer,
    clientId,
    tokenEndpoint,
    ...(revocationEndpoint === undefined ? {} : { revocationEndpoint }),
  }
}
