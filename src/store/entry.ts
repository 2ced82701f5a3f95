import * as v from 'valibot'
import { Fault } from '../contract/fault.ts'
import { safeLine } from '../platform/text.ts'
import { Secret } from '../redact/secret.ts'
import type { Credential, Login, OAuthClient, Place, StoredLogin } from './store.ts'

/**
 * The credentials file (S43 with more fields): `{"servers":{"<url>":{"token":"…", …}}}`. The plain form of
 * the documents, a token alone, is a valid entry; fields that we do not know survive every rewrite.
 */
const entrySchema = v.looseObject({
  token: v.optional(v.pipe(v.string(), v.nonEmpty())),
  refreshToken: v.optional(v.string()),
  kind: v.optional(v.picklist(['oauth', 'token'])),
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
})
export type Entry = v.InferOutput<typeof entrySchema>

const documentSchema = v.looseObject({ servers: v.optional(v.record(v.string(), v.unknown())) })

/** The file's content: `top` is everything but the servers, kept as it was. */
export interface Document {
  top: Record<string, unknown>
  entries: Map<string, Entry>
}

/** @throws Fault `config` naming `path`; never a part of the text, which holds tokens. */
export function parseDocument(text: string, path: string): Document {
  // What a crash of another program may leave; there is nothing in it to lose.
  if (text.trim() === '') return { top: {}, entries: new Map() }
  const document = v.safeParse(documentSchema, parseJson(text, path))
  if (!document.success) throw damaged(path, 'it has not the shape {"servers":{"<url>":{"token":"…"}}}')
  const { servers = {}, ...top } = document.output
  const entries = new Map<string, Entry>()
  for (const [server, value] of Object.entries(servers)) {
    const entry = v.safeParse(entrySchema, value)
    if (!entry.success) {
      const field = v.getDotPath(entry.issues[0])
      throw damaged(
        path,
        `the entry of ${safeLine(server)} is wrong${field === null ? '' : ` at "${field}"`}`,
      )
    }
    entries.set(server, entry.output)
  }
  return { top, entries }
}

export function formatDocument({ top, entries }: Document): string {
  return `${JSON.stringify({ ...top, servers: Object.fromEntries(entries) }, null, 2)}\n`
}

/** The entry as a login without secrets. */
export function toStoredLogin(server: string, entry: Entry): StoredLogin {
  return {
    ...toLogin(server, entry),
    place: entry.storage ?? 'file',
    ...(entry.storageReason === undefined ? {} : { placeReason: entry.storageReason }),
    renewable: entry.oauth !== undefined && (entry.refreshToken !== undefined || entry.renewable === true),
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

export function toCredential(server: string, entry: Entry, secrets: Secrets): Credential {
  return { ...toLogin(server, entry), ...secrets }
}

/** The entry to write. Fields of `before` that are not ours stay; all of ours are replaced. */
export function toEntry(
  credential: Credential,
  place: Place,
  before: Entry | undefined,
  reason?: string,
): Entry {
  const kept = Object.entries(before ?? {}).filter(([name]) => !Object.hasOwn(entrySchema.entries, name))
  const { expiresAt, tenant, user, oauth, refreshToken } = credential
  const inFile = place === 'file'
  return {
    ...Object.fromEntries(kept),
    kind: credential.kind,
    ...(inFile ? { token: credential.token.reveal() } : {}),
    ...(inFile && refreshToken !== undefined ? { refreshToken: refreshToken.reveal() } : {}),
    ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt).toISOString() }),
    scopes: [...credential.scopes],
    ...(tenant === undefined ? {} : { tenant }),
    ...(user === undefined ? {} : { user: { ...user } }),
    ...(oauth === undefined ? {} : { oauth: { ...oauth } }),
    storage: place,
    ...(reason === undefined ? {} : { storageReason: reason }),
    ...(!inFile && refreshToken !== undefined ? { renewable: true } : {}),
  }
}

function toLogin(server: string, entry: Entry): Login {
  return {
    server,
    kind: entry.kind ?? 'token',
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

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes the text.
    throw damaged(path, 'it is not JSON')
  }
}

function damaged(path: string, what: string): Fault {
  return new Fault('config', `cannot use the credentials file ${path}: ${what}`, {
    hint: 'repair it, or move it away and log in again; nothing in it was changed',
  })
}
