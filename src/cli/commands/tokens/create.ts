import { Fault } from '../../../contract/fault.ts'
import { ALL_SCOPES, type Scope } from '../../../contract/token-scopes.ts'
import { createdToken } from '../../../contract/api/tokens.ts'
import { type Client, openClient } from '../../client/client.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printOnce } from '../../output/print-secret-once.ts'
import { parseScopes } from '../../parsing/token-scope-list.ts'
import { parseLifetime } from './lifetime.ts'

export const command = defineCommand({
  summary: 'Make a scoped token for a program',
  description:
    'The value goes to standard output, once. It can do no more than you can, and less than that from the moment you can do less.',
  examples: [
    'fob tokens create deploy --scope runs:trigger --pipeline deploy --expires 90d',
    'fob tokens create reports --scope pipelines:read,runs:read --all-pipelines > token',
    'fob tokens create prod --scope runs:trigger --pipeline deploy --require-signature -o json',
  ],
  flags: {
    scope: {
      type: 'strings',
      value: 'SCOPE',
      description: 'what it may do, such as runs:read',
      completes: ALL_SCOPES,
    },
    pipeline: {
      type: 'strings',
      short: 'p',
      value: 'NAME',
      description: 'for this pipeline only',
      completes: 'pipeline',
    },
    'all-pipelines': { type: 'boolean', description: 'for all pipelines, later ones included' },
    expires: { type: 'string', value: 'TIME', description: 'when it ends: 12h, 90d, 4w (default: never)' },
    'require-signature': { type: 'boolean', description: 'refuse requests with it that are not signed' },
  },
  positionals: { name: { arity: 'required', description: 'what you will know it by' } },
  async run({ flags, positionals, globals }, deps) {
    const options = {
      name: positionals.name,
      scopes: parseScopes(flags.scope),
      ...whichPipelines(flags.pipeline, flags['all-pipelines'], parseScopes(flags.scope)),
      requireSignature: flags['require-signature'],
      ...(flags.expires === undefined ? {} : { expiresIn: parseLifetime(flags.expires, '--expires') }),
    }
    await createToken(options, await openClient(deps, globals), deps)
  },
})

export interface CreateToken {
  name: string
  scopes: readonly Scope[]
  allPipelines?: boolean
  pipelines?: readonly string[]
  /** Seconds. */
  expiresIn?: number
  requireSignature: boolean
}

export async function createToken(options: CreateToken, client: Client, deps: Deps): Promise<void> {
  const token = await client.api.request({
    method: 'POST',
    path: '/api/auth/cli-tokens',
    body: options,
    schema: createdToken,
  })
  const end = token.expiresAt === null ? 'has no end' : `ends ${token.expiresAt}`
  const revoke = `fob tokens revoke ${token.id}`
  printOnce(deps, client, token, {
    about: `Made ${token.id}, which ${end}; ${revoke} ends it`,
    unseen: `end it with ${revoke}`,
  })
}

/** @throws Fault `usage` when both or neither is said, and there is something to say */
function whichPipelines(
  pipelines: readonly string[],
  all: boolean,
  scopes: readonly Scope[],
): Pick<CreateToken, 'allPipelines' | 'pipelines'> {
  if (all && pipelines.length > 0) throw new Fault('usage', 'give --pipeline or --all-pipelines, not both')
  if (all) return { allPipelines: true }
  if (pipelines.length > 0) return { pipelines }
  if (scopes.every((scope) => scope.startsWith('runners:'))) return { allPipelines: false }
  throw new Fault('usage', 'say which pipelines the token is for', {
    hint: '--pipeline NAME or --all-pipelines',
  })
}
