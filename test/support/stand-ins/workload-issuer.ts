/** A stand-in for the identity provider of CI jobs: discovery, keys that rotate, tokens, and faults, over real HTTP. */
import {
  createHmac,
  generateKeyPairSync,
  type KeyObject,
  randomUUID,
  sign,
  type SignKeyObjectInput,
} from 'node:crypto'

type SigningAlgorithm = 'RS256' | 'RS512' | 'PS256' | 'ES256' | 'ES384' | 'EdDSA'

type Claims = Readonly<Record<string, unknown>>

/** What requests for the metadata or the keys meet. */
type IssuerFault =
  | { kind: 'none' }
  /** 503. */
  | { kind: 'down' }
  /** Responds after so long, or when `release()` is called. */
  | { kind: 'slow'; ms: number }
  /** Sends so many bytes of JSON. */
  | { kind: 'huge'; bytes: number }
  /** Redirects there, with the same path. */
  | { kind: 'redirect'; origin: string }
  | { kind: 'not json' }

export interface WorkloadIssuer extends AsyncDisposable {
  /** What `iss` of its tokens says. */
  url: string
  /** Every request as `METHOD /path?query`. */
  requests: string[]
  behaviour: {
    metadata: IssuerFault
    keys: IssuerFault
    /** The `issuer` of the metadata where it is not the right one. */
    metadataIssuer?: string
    /** The `jwks_uri` of the metadata where it is not the right one. */
    jwksUri?: string
    /** No metadata at all: 404. */
    noMetadata?: boolean
  }
  /**
   * A token as a job gets it: issued now, valid for five minutes, with the claims of a GitHub job on `main`.
   * @param claims replace those; undefined removes one
   * @param how the algorithm (default RS256), more of the header, or the key of another issuer
   */
  mintToken(claims?: Claims, how?: MintOptions): string
  /** A token of these claims whose HS256 key is the text of the public RS256 key, which everybody has. */
  mintHs256WithPublicKey(claims?: Claims): string
  /** New keys with new IDs. @param keep whether the old ones stay published, as in a real rotation */
  rotateKeys(keep?: boolean): void
  /** Resolves when a `slow` fault holds a response back. */
  holding(): Promise<void>
  /** Responses that a `slow` fault holds back are sent. */
  release(): void
  /** The variables that GitHub Actions gives a job with `permissions: id-token: write`; see `requestToken`. */
  githubEnvironment(): { ACTIONS_ID_TOKEN_REQUEST_URL: string; ACTIONS_ID_TOKEN_REQUEST_TOKEN: string }
  /** The claims of the tokens that `ACTIONS_ID_TOKEN_REQUEST_URL` gives, in addition to the audience. */
  jobClaims: Record<string, unknown>
  stop(): Promise<void>
}

interface MintOptions {
  alg?: SigningAlgorithm
  header?: Claims
  /** Signs with this key, under the ID of the issuer's own. */
  key?: KeyObject
}

interface SigningKey {
  alg: SigningAlgorithm
  kid: string
  privateKey: KeyObject
  publicKey: KeyObject
}

/** The claims of a GitHub Actions job, as GitHub documents them. */
const GITHUB_CLAIMS = {
  sub: 'repo:octo-org/octo-repo:ref:refs/heads/main',
  repository: 'octo-org/octo-repo',
  repository_owner: 'octo-org',
  repository_id: '74',
  repository_owner_id: '65',
  ref: 'refs/heads/main',
  ref_type: 'branch',
  workflow: 'deploy',
  job_workflow_ref: 'octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/main',
  event_name: 'push',
  actor: 'octocat',
  run_id: '1234',
  run_number: '10',
  run_attempt: '1',
  runner_environment: 'github-hosted',
} as const

/** The claims of a GitLab CI job, as GitLab documents them. */
export const GITLAB_CLAIMS = {
  sub: 'project_path:my-group/my-project:ref_type:branch:ref:main',
  project_path: 'my-group/my-project',
  project_id: '22',
  namespace_path: 'my-group',
  namespace_id: '72',
  ref: 'main',
  ref_type: 'branch',
  ref_protected: 'true',
  pipeline_source: 'push',
  user_login: 'sample-user',
} as const

const LIFETIME_SECONDS = 300
const REQUEST_TOKEN = 'the-token-of-the-job'

/** @param usual the algorithm of its tokens; a key of RSA takes a tenth of a second */
export function startWorkloadIssuer({
  port = 0,
  usual = 'RS256',
}: { port?: number; usual?: SigningAlgorithm } = {}): WorkloadIssuer {
  let current = new Map<SigningAlgorithm, SigningKey>()
  let published: SigningKey[] = []
  const behaviour: WorkloadIssuer['behaviour'] = { metadata: { kind: 'none' }, keys: { kind: 'none' } }
  const requests: string[] = []
  const held = new Set<() => void>()
  let whenHeld = Promise.withResolvers<void>()

  const keyOf = (alg: SigningAlgorithm): SigningKey => {
    const known = current.get(alg)
    if (known !== undefined) return known
    const key = { alg, kid: randomUUID(), ...keyPair(alg) }
    current.set(alg, key)
    published.push(key)
    return key
  }

  const metadata = () => ({
    issuer: behaviour.metadataIssuer ?? url,
    jwks_uri: behaviour.jwksUri ?? `${url}/keys`,
    id_token_signing_alg_values_supported: ['RS256', 'ES256', 'EdDSA'],
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
  })

  const respond = async (fault: IssuerFault, { pathname }: URL, body: () => unknown): Promise<Response> => {
    switch (fault.kind) {
      case 'none':
        return Response.json(body())
      case 'down':
        return new Response('down for maintenance', { status: 503 })
      case 'slow':
        await new Promise<void>((resolve) => {
          held.add(resolve)
          whenHeld.resolve()
          setTimeout(resolve, fault.ms).unref()
        })
        return Response.json(body())
      case 'huge':
        return new Response(`{"keys":[${' '.repeat(fault.bytes)}]}`)
      case 'redirect':
        return Response.redirect(`${fault.origin}${pathname}`, 302)
      case 'not json':
      default:
        return new Response('<p>hello</p>')
    }
  }

  const issuer: Pick<WorkloadIssuer, 'jobClaims' | 'mintToken'> = {
    jobClaims: {},
    mintToken: (claims = {}, { alg = usual, header = {}, key: other } = {}) => {
      const key = keyOf(alg)
      const text = signingInput({ alg, kid: key.kid, typ: 'JWT', ...header }, claimsOf(url, claims))
      return `${text}.${signed(alg, other ?? key.privateKey, text)}`
    },
  }

  const jobToken = (request: Request, { searchParams: query }: URL): Response => {
    if (request.headers.get('authorization')?.toLowerCase() !== `bearer ${REQUEST_TOKEN}`) {
      return new Response('{"message":"no"}', { status: 401 })
    }
    const aud = query.get('audience') ?? 'https://github.com/octo-org'
    return Response.json({ count: 1, value: issuer.mintToken({ aud, ...issuer.jobClaims }) })
  }

  const server = Bun.serve({
    hostname: '127.0.0.1',
    port,
    fetch: (request) => {
      const asked = new URL(request.url)
      requests.push(`${request.method} ${asked.pathname}${asked.search}`)
      switch (asked.pathname) {
        case '/.well-known/openid-configuration':
          if (behaviour.noMetadata === true) return new Response('not here', { status: 404 })
          return respond(behaviour.metadata, asked, metadata)
        case '/keys':
          return respond(behaviour.keys, asked, () => ({ keys: published.map(publicJwk) }))
        case '/actions/token':
          return jobToken(request, asked)
        default:
          return new Response('not here', { status: 404 })
      }
    },
  })
  const url = `http://127.0.0.1:${server.port}`
  keyOf(usual)
  const release = () => {
    for (const resolve of held) resolve()
    held.clear()
    whenHeld = Promise.withResolvers<void>()
  }
  const stop = async () => {
    release()
    await server.stop(true)
  }

  return Object.assign(issuer, {
    url,
    requests,
    behaviour,
    mintHs256WithPublicKey: (claims: Claims = {}) => {
      const { kid, publicKey } = keyOf('RS256')
      const text = signingInput({ alg: 'HS256', kid, typ: 'JWT' }, claimsOf(url, claims))
      const pem = publicKey.export({ type: 'spki', format: 'pem' })
      return `${text}.${createHmac('sha256', pem).update(text).digest('base64url')}`
    },
    rotateKeys: (keep = true) => {
      const algorithms = [...current.keys()]
      current = new Map()
      if (!keep) published = []
      for (const alg of algorithms) keyOf(alg)
    },
    holding: () => whenHeld.promise,
    release,
    githubEnvironment: () => ({
      ACTIONS_ID_TOKEN_REQUEST_URL: `${url}/actions/token?api-version=2.0`,
      ACTIONS_ID_TOKEN_REQUEST_TOKEN: REQUEST_TOKEN,
    }),
    stop,
    [Symbol.asyncDispose]: stop,
  })
}

function claimsOf(url: string, claims: Claims): Record<string, unknown> {
  const now = Math.floor(Date.now() / 1000)
  const times = { iat: now, nbf: now, exp: now + LIFETIME_SECONDS }
  return { iss: url, jti: randomUUID(), ...times, ...GITHUB_CLAIMS, ...claims }
}

function signingInput(header: Claims, claims: Claims): string {
  return [header, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
}

function keyPair(alg: SigningAlgorithm): { privateKey: KeyObject; publicKey: KeyObject } {
  switch (alg) {
    case 'RS256':
    case 'RS512':
    case 'PS256':
      return generateKeyPairSync('rsa', { modulusLength: 2048 })
    case 'ES256':
      return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    case 'ES384':
      return generateKeyPairSync('ec', { namedCurve: 'P-384' })
    case 'EdDSA':
    default:
      return generateKeyPairSync('ed25519')
  }
}

const HASHES: Readonly<Record<SigningAlgorithm, string | null>> = {
  RS256: 'sha256',
  RS512: 'sha512',
  PS256: 'sha256',
  ES256: 'sha256',
  ES384: 'sha384',
  EdDSA: null,
}

/** RSA_PKCS1_PSS_PADDING of OpenSSL. */
const PSS = 6

function signed(alg: SigningAlgorithm, key: KeyObject, text: string): string {
  const more: Omit<SignKeyObjectInput, 'key'> = alg.startsWith('ES')
    ? { dsaEncoding: 'ieee-p1363' }
    : alg.startsWith('PS')
      ? { padding: PSS, saltLength: 32 }
      : {}
  return sign(HASHES[alg], Buffer.from(text), { key, ...more }).toString('base64url')
}

function publicJwk({ alg, kid, publicKey }: SigningKey): Record<string, unknown> {
  return { ...publicKey.export({ format: 'jwk' }), alg, kid, use: 'sig' }
}
