/** The flags that every command takes, as they are given: variables and settings are applied later. */
import type { Args, Values } from './argument-definitions.ts'

export type OutputFormat = 'table' | 'tsv' | 'json'
export const OUTPUT_FORMATS = ['table', 'tsv', 'json'] as const satisfies readonly OutputFormat[]

export interface Globals {
  server: string | undefined
  tenant: string | undefined
  authToken: string | undefined
  jwtToken: string | undefined
  authConfig: string | undefined
  output: OutputFormat | undefined
  silent: boolean
  debug: boolean
  /** False: never prompt. */
  input: boolean
}

export const GLOBAL_FLAGS = {
  server: {
    type: 'string',
    alias: ['s', 'server-url', 'api-url', 'base-url', 'url'],
    valueHint: 'URL',
    completes: 'server',
    description: 'which server (FOB_SERVER)',
  },
  tenant: {
    type: 'string',
    alias: 't',
    valueHint: 'SLUG',
    completes: 'tenant',
    description: 'which tenant (FOB_TENANT)',
  },
  'auth-token': {
    type: 'string',
    valueHint: 'TOKEN',
    description: 'a credential for this call alone (better: FOB_TOKEN, which no process list shows)',
  },
  'jwt-token': {
    type: 'string',
    valueHint: 'TOKEN',
    description: 'the same for a JWT, checked before it is sent (FOB_JWT_TOKEN)',
  },
  'auth-config': {
    type: 'string',
    alias: 'c',
    valueHint: 'PATH',
    description: 'another credentials file (FOB_AUTH_CONFIG)',
  },
  output: {
    type: 'enum',
    options: OUTPUT_FORMATS,
    alias: 'o',
    valueHint: 'FORMAT',
    description: 'table, tsv or json (FOB_OUTPUT)',
  },
  silent: { type: 'boolean', alias: 'q', default: false, description: 'print only data and errors' },
  debug: {
    type: 'boolean',
    default: false,
    description: 'show what is sent and received, without secrets (FOB_DEBUG=1)',
  },
  input: {
    type: 'boolean',
    default: true,
    description: 'prompt for what is missing, at a terminal',
    negativeDescription: 'never prompt: fail and name the flag that answers',
  },
  help: { type: 'boolean', alias: 'h', default: false, description: 'show this help' },
} as const satisfies Args

export function globalsOf(values: Values<typeof GLOBAL_FLAGS>): Globals {
  return {
    server: values.server,
    tenant: values.tenant,
    authToken: values['auth-token'],
    jwtToken: values['jwt-token'],
    authConfig: values['auth-config'],
    output: values.output,
    silent: values.silent,
    debug: values.debug,
    input: values.input,
  }
}
