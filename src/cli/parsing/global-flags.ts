import type { Flags } from '../command.ts'

export type OutputFormat = 'table' | 'tsv' | 'json'

/** The flags that every command takes (contract §2), as given: variables and settings are applied later. */
export interface Globals {
  server: string | undefined
  tenant: string | undefined
  authToken: string | undefined
  jwtToken: string | undefined
  authConfig: string | undefined
  output: OutputFormat | undefined
  silent: boolean
  debug: boolean
  noInput: boolean
}

export const OUTPUT_FORMATS = ['table', 'tsv', 'json'] as const

export const GLOBAL_FLAGS = {
  server: {
    type: 'string',
    short: 's',
    aliases: ['server-url', 'api-url', 'base-url', 'url'],
    value: 'URL',
    completes: 'server',
    description: 'which server (FOB_SERVER)',
  },
  tenant: {
    type: 'string',
    short: 't',
    value: 'SLUG',
    completes: 'tenant',
    description: 'which tenant (FOB_TENANT)',
  },
  'auth-token': {
    type: 'string',
    value: 'TOKEN',
    description: 'a credential for this call alone (better: FOB_TOKEN, which no process list shows)',
  },
  'jwt-token': {
    type: 'string',
    value: 'TOKEN',
    description: 'the same for a JWT, checked before it is sent (FOB_JWT_TOKEN)',
  },
  'auth-config': {
    type: 'string',
    short: 'c',
    value: 'PATH',
    description: 'another credentials file (FOB_AUTH_CONFIG)',
  },
  output: {
    type: 'string',
    short: 'o',
    value: 'FORMAT',
    completes: OUTPUT_FORMATS,
    description: 'table, tsv or json (FOB_OUTPUT)',
  },
  silent: { type: 'boolean', short: 'q', description: 'print only data and errors' },
  debug: { type: 'boolean', description: 'show what is sent and received, without secrets (FOB_DEBUG=1)' },
  'no-input': { type: 'boolean', description: 'never prompt: fail and name the flag that answers' },
  help: { type: 'boolean', short: 'h', description: 'show this help' },
} as const satisfies Flags
