/** From where a request comes that starts a run, as the record of the run says it. */
import type { Call } from './request-context.ts'

/** What `session/send-with-credential.ts` says of every command. Anybody can say it: it is shown, and decides nothing. */
const COMMAND = /^fob\//

export function originOf({ headers, session }: Call): { kind: 'page' | 'cli' | 'api' } {
  if (session !== undefined) return { kind: 'page' }
  return { kind: COMMAND.test(headers.get('user-agent') ?? '') ? 'cli' : 'api' }
}
