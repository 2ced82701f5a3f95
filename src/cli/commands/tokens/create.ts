/** `fob tokens create`: creates a scoped token and prints it once. */
import { Fault } from '../../../contract/fault.ts'
import { ALL_SCOPES, type Scope } from '../../../contract/token-scopes.ts'
import { createdToken } from '../../../contract/api/tokens.ts'
import { openClient } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { printSecretOnce } from '../../output/print-secret-once.ts'
import { parseLifetime } from '../../parsing/duration-flags.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { parseScopes } from '../../parsing/parse-token-scopes.ts'

export const command = defineCommand({
  meta: {
    description: 'Create a scoped token for a program',
    details: `Prints the value to standard output, once. The token can never do more than you can at the time: when you lose a
permission, so does the token.`,
    examples: [
      'fob tokens create deploy --scope runs:trigger --pipeline deploy --expires 90d',
      'fob tokens create reports --scope pipelines:read,runs:read --all-pipelines > token',
      'fob tokens create prod --scope runs:trigger --pipeline deploy --require-signature -o json',
    ],
  },
  args: {
    scope: {
      type: 'string',
      repeatable: true,
      valueHint: 'SCOPE',
      description: 'what it may do, such as runs:read',
      completes: ALL_SCOPES,
    },
    pipeline: {
      type: 'string',
      repeatable: true,
      alias: 'p',
      valueHint: 'NAME',
      description: 'for this pipeline only',
      completes: 'pipeline',
    },
    'all-pipelines': {
      type: 'boolean',
      default: false,
      description: 'for all pipelines, later ones included',
    },
    expires: {
      type: 'string',
      valueHint: 'TIME',
      description: 'when it expires: 12h, 90d, 4w (default: never)',
    },
    'require-signature': {
      type: 'boolean',
      default: false,
      description: 'refuse requests with it that are not signed',
    },
    name: { type: 'positional', description: 'a name for the token' },
  },
  run: ({ args, globals }, deps) => {
    const scopes = parseScopes(args.scope)
    const token = {
      name: args.name,
      scopes,
      ...parsePipelines({ pipelines: args.pipeline, all: args['all-pipelines'], scopes }),
      requireSignature: args['require-signature'],
      ...(args.expires === undefined ? {} : { expiresIn: parseLifetime(args.expires, '--expires') }),
    }
    return createToken({ globals, token }, deps)
  },
})

interface CreateTokenOptions {
  globals: Globals
  /** As the API takes it. */
  token: {
    name: string
    scopes: readonly Scope[]
    allPipelines?: boolean
    pipelines?: readonly string[]
    /** Seconds. */
    expiresIn?: number
    requireSignature: boolean
  }
}

async function createToken({ globals, token }: CreateTokenOptions, deps: Deps): Promise<void> {
  const client = await openClient(deps, globals)
  const created = await client.api.request({
    method: 'POST',
    path: '/api/auth/cli-tokens',
    body: token,
    schema: createdToken,
  })
  const end = created.expiresAt === null ? 'does not expire' : `expires ${created.expiresAt}`
  const revoke = `fob tokens revoke ${created.id}`
  printSecretOnce(deps, client, created, {
    about: `Created ${created.id}, which ${end}; ${revoke} revokes it`,
    unseen: `revoke it with ${revoke}`,
  })
}

/** @throws Fault `usage` when both or neither is given, except that scopes of runners need no pipeline */
function parsePipelines({
  pipelines,
  all,
  scopes,
}: {
  pipelines: readonly string[]
  all: boolean
  scopes: readonly Scope[]
}): Pick<CreateTokenOptions['token'], 'allPipelines' | 'pipelines'> {
  if (all && pipelines.length > 0) {
    throw new Fault('usage', '--pipeline and --all-pipelines cannot be used together')
  }
  if (all) return { allPipelines: true }
  if (pipelines.length > 0) return { pipelines }
  if (scopes.every((scope) => scope.startsWith('runners:'))) return { allPipelines: false }
  throw new Fault('usage', 'say which pipelines the token is for', {
    hint: '--pipeline NAME or --all-pipelines',
  })
}
