/** The meaning of an error of `fetch`, in words that contain nothing of the request. */

/** Why a request got no response. */
export type Reason = {
  /** The end of "cannot reach …: ". */
  words: string
  /** The next step, where the reason alone tells it. */
  hint?: string
  /** Whether the request may have reached the server all the same. */
  mayHaveArrived: boolean
} & (
  | { kind: 'refused' | 'no-host' | 'not-opened' | 'not-tls' | 'closed' | 'late' | 'failed' }
  /** The words are a whole sentence. */
  | { kind: 'proxy' }
  | {
      kind: 'unknown-ca' | 'expired' | 'not-yet-valid' | 'wrong-name' | 'untrusted'
      /** The end of "the certificate …". */
      certificate: string
      hint: string
    }
)

/** A request that failed at a proxy or on its way through one. */
export class ProxyFailure extends Error {
  readonly hint: string
  /** Whether the server may have received the request all the same. */
  readonly mayHaveArrived: boolean

  constructor(message: string, options: { hint: string; mayHaveArrived?: boolean; cause?: unknown }) {
    super(message, { cause: options.cause })
    this.name = 'ProxyFailure'
    this.hint = options.hint
    this.mayHaveArrived = options.mayHaveArrived ?? false
  }
}

const CA_HINT =
  'where the authority is a private one, name its certificate in SSL_CERT_FILE or NODE_EXTRA_CA_CERTS, or its folder in SSL_CERT_DIR'

/** Tried in turn on the code and the name of an error. */
const REASONS: readonly (readonly [RegExp, Reason])[] = [
  [
    /ConnectionRefused|ECONNREFUSED/,
    { kind: 'refused', words: 'the connection was refused', mayHaveArrived: false },
  ],
  [
    /ENOTFOUND/,
    {
      kind: 'no-host',
      words: 'this host does not exist',
      hint: 'is its name right, and is this machine online? name another server with -s URL or FOB_SERVER',
      mayHaveArrived: false,
    },
  ],
  [
    /EAI_|DNS/,
    {
      kind: 'not-opened',
      words: 'its name could not be looked up',
      hint: 'does the host exist, and is this machine online? name another server with -s URL or FOB_SERVER',
      mayHaveArrived: false,
    },
  ],
  [
    /FailedToOpenSocket|E(?:HOST|NET)UNREACH/,
    { kind: 'not-opened', words: 'the connection could not be opened', mayHaveArrived: false },
  ],
  [
    /EPROTO/,
    {
      kind: 'not-tls',
      words: 'it answers, but not with TLS',
      hint: 'is it served over http, or at another port? one that wants a certificate of yours, or has only TLS before 1.2, fails like this too',
      mayHaveArrived: false,
    },
  ],
  [
    /CERT_HAS_EXPIRED/,
    certificate(
      'expired',
      'has expired',
      `it has to be renewed there; is the clock of this machine right? ${CA_HINT}`,
    ),
  ],
  [
    /CERT_NOT_YET_VALID/,
    certificate('not-yet-valid', 'is not valid yet', 'is the clock of this machine right?'),
  ],
  [
    /ALTNAME|HOSTNAME_MISMATCH/,
    certificate('wrong-name', 'is for another name', 'use the name that the certificate has'),
  ],
  [
    /VERIFY_LEAF|SELF_SIGNED|ISSUER_CERT/,
    certificate('unknown-ca', 'is signed by an authority that is not known here', CA_HINT),
  ],
  [/CERT|SIGNATURE|TLS|SSL/i, certificate('untrusted', 'is not trusted', CA_HINT)],
  [
    /ConnectionClosed|ECONNRESET|EPIPE|UND_ERR_SOCKET/,
    { kind: 'closed', words: 'the connection was closed', mayHaveArrived: true },
  ],
  [/Timeout|ETIMEDOUT/i, { kind: 'late', words: 'it did not answer in time', mayHaveArrived: true }],
]

function certificate(
  kind: 'unknown-ca' | 'expired' | 'not-yet-valid' | 'wrong-name' | 'untrusted',
  said: string,
  hint: string,
): Reason {
  return { kind, words: `its certificate ${said}`, certificate: said, hint, mayHaveArrived: false }
}

/** What the code and the name of an error mean. */
export function reasonOf(error: unknown): Reason {
  if (error instanceof ProxyFailure) {
    const { message: words, hint, mayHaveArrived } = error
    return { kind: 'proxy', words, hint, mayHaveArrived }
  }
  const { name, code } = (error ?? {}) as { name?: unknown; code?: unknown }
  const text = `${typeof code === 'string' ? code : ''} ${typeof name === 'string' ? name : ''}`
  const known = REASONS.find(([pattern]) => pattern.test(text))?.[1]
  return known ?? { kind: 'failed', words: 'the connection failed', mayHaveArrived: true }
}

/**
 * What to tell of a request that got no response: names the proxy where the request went through one.
 * @param hint the next step where the reason has none of its own.
 */
export function cannotReach(
  server: string,
  error: unknown,
  hint?: string,
): { message: string; hint: string | undefined } {
  const { kind, words, hint: own } = reasonOf(error)
  return { message: kind === 'proxy' ? words : `cannot reach ${server}: ${words}`, hint: own ?? hint }
}

/** Why a request got no response, as the end of "cannot reach …: ". */
export function fetchFailure(error: unknown): string {
  return reasonOf(error).words
}
