/** A server of fob's, as the tests of the client need it, that exchanges ID tokens of jobs for tokens of its own. */
import { randomBytes } from 'node:crypto'
import { type Behaviour, startOAuthServer } from '../servers/oauth-server.ts'

const GRANT = 'urn:ietf:params:oauth:grant-type:token-exchange'

/** @param next what the next exchanges meet, one each, in place of a token */
export function startExchangingServer(changes: Partial<Behaviour> = {}, next: Response[] = []) {
  const exchanged: URLSearchParams[] = []
  const issued: string[] = []
  const server = startOAuthServer({
    profile: { id: 'workload:github:repo:acme/app', name: 'github: repo:acme/app', tenant: 'default' },
    instead: ({ path, form }) => {
      if (path !== '/oauth/token' || form.get('grant_type') !== GRANT) return undefined
      exchanged.push(form)
      const instead = next.shift()
      if (instead !== undefined) return instead
      const token = `wl_canary${randomBytes(9).toString('hex')}`
      issued.push(token)
      server.valid.add(token)
      const scope = form.get('scope') ?? 'runs:trigger'
      return Response.json({ access_token: token, token_type: 'Bearer', expires_in: 3600, scope })
    },
    ...changes,
  })
  return Object.assign(server, {
    /** What was sent, of every exchange. */
    exchanged,
    /** The tokens of every exchange that was not refused. */
    issued,
    next,
  })
}
