/** A server that rotates the token of one expired login. */
import { randomBytes } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * A token endpoint that rotates at every refresh and counts: the strictest there is (a used refresh token is
 * refused for good), or one with a grace, which repeats the answer of a rotation as ours does.
 */
export interface RotatingServer {
  url: string
  /** How many token requests have come. */
  requests(): number
  /** How many of them rotated the token: more than one for a login would mean that one was lost. */
  rotations(): number
  /** The access token that is good now. */
  accessToken(): string
  /** A home with a login to this server that has run out. */
  expiredLogin(home: string): void
  stop(): Promise<void>
}

export interface RotatingOptions {
  grace: boolean
  /** Called before the token is rotated, and between the rotation and the answer. */
  at?: (moment: 'before' | 'rotated') => Promise<void>
}

export function startRotatingServer({ grace, at }: RotatingOptions): RotatingServer {
  let refresh = ''
  let access = ''
  let requests = 0
  let rotations = 0
  const answered = new Map<string, object>()
  const next = () => {
    refresh = `canary-refresh-${randomBytes(8).toString('hex')}`
    access = `canary-access-${randomBytes(8).toString('hex')}`
  }
  const token = async (form: URLSearchParams): Promise<Response> => {
    requests++
    await at?.('before')
    const given = form.get('refresh_token') ?? ''
    if (given === refresh) {
      next()
      rotations++
      const answer = { access_token: access, refresh_token: refresh, token_type: 'bearer', expires_in: 3600 }
      if (grace) answered.set(given, answer)
      await at?.('rotated')
      return Response.json(answer)
    }
    const answer = answered.get(given)
    return answer === undefined
      ? Response.json({ error: 'invalid_grant' }, { status: 400 })
      : Response.json(answer)
  }
  const server = Bun.serve({
    hostname: '127.0.0.1',
    port: 0,
    fetch: async (request) =>
      new URL(request.url).pathname === '/oauth/token'
        ? token(new URLSearchParams(await request.text()))
        : new Response('', { status: 404 }),
  })
  const url = server.url.origin
  return {
    url,
    requests: () => requests,
    rotations: () => rotations,
    accessToken: () => access,
    expiredLogin: (home) => {
      next()
      requests = 0
      rotations = 0
      const login = {
        token: 'canary-access-old',
        refreshToken: refresh,
        kind: 'oauth',
        expiresAt: new Date(Date.now() - 60_000).toISOString(),
        user: { id: 'u1', name: 'Ada' },
        oauth: { issuer: url, clientId: 'fob-cli', tokenEndpoint: `${url}/oauth/token` },
        storage: 'file',
      }
      mkdirSync(home, { recursive: true, mode: 0o700 })
      const text = JSON.stringify({ servers: { [url]: login } })
      writeFileSync(join(home, 'credentials'), text, { mode: 0o600 })
    },
    stop: () => server.stop(true),
  }
}
