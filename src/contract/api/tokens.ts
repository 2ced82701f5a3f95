/** The bodies of the routes for tokens. */
import * as v from 'valibot'
import { isScope, type Scope } from '../token-scopes.ts'
import { displayName } from './display-name.ts'
import { pipelineName } from './pipelines.ts'

/** Older names of our scopes, which are accepted; responses have the names of today. */
const OLD_SCOPES: Readonly<Record<string, Scope>> = {
  'repos:read': 'pipelines:read',
  'repos:write': 'pipelines:write',
  'scans:read': 'runs:read',
  'scans:trigger': 'runs:trigger',
  'drifts:read': 'secrets:read',
  'drifts:write': 'secrets:write',
}

const scopes = v.pipe(
  v.array(v.string()),
  v.minLength(1, 'name at least one scope'),
  v.maxLength(32, 'too many scopes'),
  v.transform((names) => names.map((name) => OLD_SCOPES[name] ?? name)),
  v.check((names) => names.every(isScope), 'one of the scopes does not exist here'),
  v.transform((names) => [...new Set(names.filter(isScope))]),
)
const pipelineNames = v.pipe(v.array(pipelineName), v.maxLength(100, 'at most 100 pipelines'))

const MIN_LIFE_SECONDS = 60
const MAX_LIFE_SECONDS = 10 * 366 * 86_400

/** `POST /api/auth/cli-tokens`; the older names of two fields are accepted as well. */
export const createTokenBody = v.pipe(
  v.strictObject({
    name: displayName,
    scopes,
    allPipelines: v.optional(v.boolean()),
    pipelines: v.optional(pipelineNames),
    allRepositories: v.optional(v.boolean()),
    repositories: v.optional(pipelineNames),
    /** Seconds; without it the token has no end. */
    expiresIn: v.optional(
      v.pipe(
        v.number(),
        v.integer('expiresIn is a whole number of seconds'),
        v.minValue(MIN_LIFE_SECONDS, 'a token lives at least a minute'),
        v.maxValue(MAX_LIFE_SECONDS, 'a token lives at most ten years'),
      ),
    ),
    /** Requests with this token have to be signed (docs/signing.md). */
    requireSignature: v.optional(v.boolean(), false),
  }),
  v.transform(({ allRepositories, repositories, ...body }) => ({
    ...body,
    allPipelines: body.allPipelines ?? allRepositories,
    pipelines: body.pipelines ?? repositories,
    /** Whether the response has to use the old names as well. */
    oldNames: allRepositories !== undefined || repositories !== undefined,
  })),
)

export const tokenResponse = v.looseObject({
  id: v.string(),
  name: v.string(),
  scopes: v.array(v.string()),
  allPipelines: v.boolean(),
  pipelines: v.array(v.string()),
  requireSignature: v.boolean(),
  createdAt: v.string(),
  expiresAt: v.nullable(v.string()),
  lastUsedAt: v.nullable(v.string()),
  expired: v.boolean(),
})
export type TokenResponse = v.InferOutput<typeof tokenResponse>

/** Only in the response to its creation. */
export const createdToken = v.looseObject({ ...tokenResponse.entries, token: v.string() })

/** Without a path: the script that sets up a runner. */
export const downloadTokenBody = v.strictObject({ path: v.optional(v.string(), '/api/runners/install.sh') })
