/** What a server says in the refusal of a request that lacks a token, or scopes (RFC 6750 §3, RFC 9728 §5.1). */

export interface Challenge {
  kind: 'no-token' | 'more-scopes'
  /** Where the metadata of the resource are. */
  metadataUrl: string | undefined
  scopes: readonly string[]
}

/** @returns undefined for a response that no login would change */
export function readChallenge({ status, headers }: Response): Challenge | undefined {
  if (status !== 401 && status !== 403) return undefined
  const header = headers.get('www-authenticate') ?? ''
  if (status === 403 && parameter(header, 'error') !== 'insufficient_scope') return undefined
  return {
    kind: status === 401 ? 'no-token' : 'more-scopes',
    metadataUrl: parameter(header, 'resource_metadata'),
    scopes: (parameter(header, 'scope') ?? '').split(' ').filter((scope) => scope !== ''),
  }
}

function parameter(header: string, name: string): string | undefined {
  const [, quoted, plain] =
    new RegExp(`(?:^|[\\s,])${name}="([^"]*)"|(?:^|[\\s,])${name}=([^\\s",]+)`, 'i').exec(header) ?? []
  return quoted ?? plain
}
