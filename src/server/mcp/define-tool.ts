/** What a tool of the MCP server is: its schemas, its scope, and what it is called with. */
import * as v from 'valibot'
import type { Scope } from '../../contract/token-scopes.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Audit, NewEntry } from '../audit/audit.ts'
import type { Pipelines } from '../pipelines/pipelines.ts'
import type { Principal } from '../access-rules/principal.ts'
import type { Runs } from '../runs/runs.ts'
import type { Vault } from '../vault/vault-interface.ts'

/** The server's parts, as tools see them. */
interface ToolParts {
  pipelines: Pipelines
  /** Without `get` and `list`: which runs a caller sees is for `pipelines.runOf` and `runsOf` to say. */
  runs: Omit<Runs, 'get' | 'list'>
  vault: Vault
  audit: Audit
  clock: Clock
}

/** One call of a tool: who is calling, and with what. */
export interface ToolCall {
  principal: Principal
  /** Who, from where, by which credential: the half of an audit entry that the request has. */
  by: Omit<NewEntry, 'action'>
  parts: ToolParts
  /** Fires when the caller has disconnected or cancelled the call. */
  signal: AbortSignal
  /** Reports progress to a caller that asked for it; `step` only grows. */
  progress(step: number, message: string): Promise<void>
}

/** What a host may tell its user before it calls (MCP, "ToolAnnotations"). */
interface Annotations {
  readOnlyHint: boolean
  destructiveHint?: boolean
  idempotentHint?: boolean
  openWorldHint: boolean
}

interface ToolSpec<Input, Output> {
  name: string
  title: string
  description: string
  /** The scope that the credential has to carry. */
  scope: Scope
  annotations: Annotations
  /** Strict: a misspelt argument is an error, not a silent default. */
  input: v.GenericSchema<unknown, Input>
  /** Fields are never removed. Every list and text in it has a bound. */
  output: v.GenericSchema<unknown, Output>
  /** @throws Fault, whose message and hint the model reads */
  run(input: Input, call: ToolCall): Promise<Output>
}

export interface Tool extends Omit<ToolSpec<unknown, unknown>, 'run'> {
  run(args: unknown, call: ToolCall): Promise<Record<string, unknown>>
}

export function defineTool<Input, Output extends Record<string, unknown>>(
  spec: ToolSpec<Input, Output>,
): Tool {
  return { ...spec, run: (args, call) => spec.run(v.parse(spec.input, args), call) }
}

/** For tools that change nothing. */
export const READS: Annotations = { readOnlyHint: true, openWorldHint: false }

const MAX_PAGE = 100

/** The arguments of every list. */
export const PAGE = {
  limit: v.optional(
    v.pipe(
      v.number(),
      v.integer(),
      v.minValue(1),
      v.maxValue(MAX_PAGE),
      v.description('how many at most; 50 without it'),
    ),
    50,
  ),
  cursor: v.optional(v.pipe(v.string(), v.maxLength(200), v.description('the "next" of the page before'))),
}

/** The page of a list, as the domain takes it. */
export function pageOf({ limit, cursor }: { limit: number; cursor?: string | undefined }) {
  return cursor === undefined ? { limit } : { limit, cursor }
}

/** The first `max` characters; a pair of surrogates is not cut in two. */
export function clip(text: string, max: number): string {
  if (text.length <= max) return text
  const last = text.charCodeAt(max - 1)
  return text.slice(0, last >= 0xd800 && last <= 0xdbff ? max - 1 : max)
}
