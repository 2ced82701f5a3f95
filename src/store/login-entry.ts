/** One account in the credentials file, and its forms in memory: a login without secrets, a credential with them. */
import * as v from 'valibot'
import { instant } from '../contract/instant-as-text.ts'
import { present } from '../contract/omit-undefined.ts'
import { Secret } from '../redact/secret.ts'
import type {
  Credential,
  Login,
  LoginWorkload,
  StorageKind,
  StoredCredential,
  StoredLogin,
} from './store-interface.ts'

/**
 * An entry with nothing but a token, as a person writes it by hand, is a valid one; fields that we do not know survive
 * every rewrite.
 */
export const entrySchema = v.looseObject({
  token: v.optional(v.pipe(v.string(), v.nonEmpty())),
  refreshToken: v.optional(v.string()),
  /** A private JWK. */
  dpopKey: v.optional(v.string()),
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
      dpop: v.optional(v.boolean()),
    }),
  ),
  workload: v.optional(
    v.variant('kind', [
      v.looseObject({ kind: v.literal('github') }),
      v.looseObject({ kind: v.literal('gitlab') }),
      v.looseObject({ kind: v.literal('file'), path: v.string() }),
    ]),
  ),
  /** Absent in a file made by hand: then the keychain is asked before the file's own token. */
  storage: v.optional(v.picklist(['keychain', 'file'])),
  storageReason: v.optional(v.string()),
  /** The secret is in the keychain, and a refresh token is part of it. */
  renewable: v.optional(v.boolean()),
  /** Refused by the server, and its secrets are deleted. */
  ended: v.optional(v.boolean()),
  /** Refused by the server in a way that need not be for good: its secrets are there still. */
  refused: v.optional(v.boolean()),
  /** Logged out, and its secret is in the keychain still, which could not be reached. */
  loggedOut: v.optional(v.boolean()),
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
  return present({
    ...toLogin(server, entry),
    account,
    current,
    storage: entry.storage ?? 'file',
    storageReason: entry.storageReason,
    renewable: isRenewable(entry),
    ended: entry.ended === true ? (true as const) : undefined,
    refused: entry.refused === true ? (true as const) : undefined,
    loggedOut: entry.loggedOut === true ? (true as const) : undefined,
  })
}

/** Without the fields that we do not know. */
function workloadOf(workload: LoginWorkload): LoginWorkload {
  return workload.kind === 'file' ? { kind: 'file', path: workload.path } : { kind: workload.kind }
}

function isRenewable({ oauth, workload, refreshToken, renewable }: Entry): boolean {
  return oauth !== undefined && (workload !== undefined || refreshToken !== undefined || renewable === true)
}

export interface Secrets {
  token: Secret
  refreshToken?: Secret
  dpopKey?: Secret
}

/** The secrets that stand in the file itself. */
export function secretsOf(entry: Entry): Secrets | undefined {
  if (entry.token === undefined) return undefined
  return secretsFrom({ ...entry, token: entry.token })
}

/** The secrets as they are stored, in the file or in the keychain. */
interface SecretTexts {
  token: string
  refreshToken?: string | undefined
  dpopKey?: string | undefined
}

export function secretsFrom({ token, refreshToken, dpopKey }: SecretTexts): Secrets {
  return present({
    token: new Secret(token),
    refreshToken: refreshToken === undefined ? undefined : new Secret(refreshToken),
    dpopKey: dpopKey === undefined ? undefined : new Secret(dpopKey),
  })
}

export function textsOf({ token, refreshToken, dpopKey }: Secrets): SecretTexts {
  return {
    token: token.reveal(),
    refreshToken: refreshToken?.reveal(),
    dpopKey: dpopKey?.reveal(),
  }
}

export function sameSecrets(a: Secrets, b: Secrets): boolean {
  const [one, other] = [textsOf(a), textsOf(b)]
  return (['token', 'refreshToken', 'dpopKey'] as const).every((name) => one[name] === other[name])
}

export function toCredential(
  { server, account }: Position,
  entry: Entry,
  secrets: Secrets,
): StoredCredential {
  const login = { ...toLogin(server, entry), account, ...secrets }
  return entry.refused === true ? { ...login, refused: true } : login
}

/** Where an entry's secret is stored, and why not in the keychain. */
interface Storage {
  storage: StorageKind
  storageReason?: string | undefined
}

/** The entry to write. Fields of `before` that are not ours stay; all of ours are replaced. */
export function toEntry(
  credential: Credential,
  { storage, storageReason }: Storage,
  before: Entry | undefined,
): Entry {
  const foreign = Object.entries(before ?? {}).filter(([name]) => !Object.hasOwn(entrySchema.entries, name))
  const { kind, username, refreshToken, expiresAt, scopes, tenant, user, oauth, workload } = credential
  const inFile = storage === 'file'
  return {
    ...Object.fromEntries(foreign),
    ...present({
      kind,
      username,
      ...(inFile ? textsOf(credential) : {}),
      expiresAt: expiresAt === undefined ? undefined : instant(expiresAt),
      scopes: [...scopes],
      tenant,
      user: user && { ...user },
      oauth: oauth && { ...oauth },
      workload: workload && { ...workload },
      storage,
      storageReason,
      renewable: !inFile && refreshToken !== undefined ? true : undefined,
    }),
  }
}

/** The entry of a login that the server did not renew; the next save, or renewal, clears the mark. */
export function refusedEntry(entry: Entry): Entry {
  return { ...entry, refused: true }
}

/** What is left of an entry when its secrets are deleted: whose login it was, and at which server. */
export function endedEntry(entry: Entry): Entry {
  const ended: Entry = { ...entry, ended: true }
  for (const name of [
    'token',
    'refreshToken',
    'dpopKey',
    'storage',
    'storageReason',
    'renewable',
    'refused',
  ] as const) {
    delete ended[name]
  }
  return ended
}

function toLogin(server: string, entry: Entry): Login {
  const { kind = 'token', username, expiresAt, scopes = [], tenant, user, oauth, workload } = entry
  return present({
    server,
    kind,
    username,
    expiresAt: expiresAt === undefined ? undefined : Date.parse(expiresAt),
    scopes,
    tenant,
    // Without the fields that we do not know.
    user: user && present({ id: user.id, name: user.name, email: user.email }),
    oauth:
      oauth &&
      present({
        issuer: oauth.issuer,
        clientId: oauth.clientId,
        tokenEndpoint: oauth.tokenEndpoint,
        revocationEndpoint: oauth.revocationEndpoint,
        dpop: oauth.dpop === true ? (true as const) : undefined,
      }),
    workload: workload && workloadOf(workload),
  })
}
