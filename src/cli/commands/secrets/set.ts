/** `fob secrets set`: sets a secret from standard input, a prompt, a file or the command line. */
import * as v from 'valibot'
import { MAX_SECRET_BYTES, type SecretValue } from '../../../contract/api/secrets.ts'
import { Fault } from '../../../contract/fault.ts'
import { Secret } from '../../../redact/secret.ts'
import { type Client, openClient } from '../../client/command-context.ts'
import { defineCommand } from '../../command.ts'
import type { Deps } from '../../deps.ts'
import { readNamedFile } from '../../input/read-named-file.ts'
import { readSecret } from '../../input/read-secret.ts'
import type { Globals } from '../../parsing/global-flags.ts'
import { parseKeyValues } from '../../parsing/key-value-arguments.ts'
import {
  parsePlace,
  placeFlags,
  placeName,
  placeRecord,
  placeQuery,
  type SecretPlace,
} from '../../parsing/secret-scope-flags.ts'

export const command = defineCommand({
  meta: {
    description: 'Set a secret',
    details: `The value is read from standard input, from a prompt that does not show it, or from a file: any bytes up to
256 KiB. It cannot be read back. If a piped value has a single line, its line end is removed.`,
    examples: [
      'fob secrets set API_KEY                             # asks for the value',
      'printf %s "$KEY" | fob secrets set API_KEY --pipeline deploy',
      'fob secrets set DEPLOY_KEY --from-file ~/.ssh/deploy',
    ],
  },
  args: {
    ...placeFlags,
    'from-file': { type: 'string', valueHint: 'PATH', description: 'read the value from this file' },
    'allow-short': {
      type: 'boolean',
      default: false,
      description: 'accept a value of fewer than 4 bytes; redacting it can make logs unreadable',
    },
    key: {
      type: 'positional',
      description: 'the name, or KEY=VALUE (which stays in the shell history)',
      completes: 'secret',
    },
  },
  run: ({ args, globals }, deps) => {
    const options = {
      globals,
      assignment: args.key,
      fromFile: args['from-file'],
      place: parsePlace(args),
      allowShort: args['allow-short'],
    }
    return setSecretOf(options, deps)
  },
})

interface SetSecretOptions {
  globals: Globals
  /** `KEY`, or `KEY=VALUE`. */
  assignment: string
  fromFile: string | undefined
  place: SecretPlace
  allowShort: boolean
}

async function setSecretOf(options: SetSecretOptions, deps: Deps): Promise<void> {
  const { key, value } = await readAssignment(options, deps)
  const { place, allowShort } = options
  await setSecret({ key, value, place, allowShort }, await openClient(deps, options.globals))
}

export interface SetSecret {
  key: string
  value: Secret
  place: SecretPlace
  allowShort: boolean
}

export async function setSecret({ key, value, place, allowShort }: SetSecret, client: Client): Promise<void> {
  await client.api.request({
    method: 'PUT',
    path: `/api/secrets/${encodeURIComponent(key)}`,
    query: placeQuery(place),
    body: { value: sendable(value), ...(allowShort ? { allowShort } : {}) },
    secrets: [value],
    schema: v.unknown(),
  })
  warnOfBlanks(key, value, client)
  client.did({ key, ...placeRecord(place), set: true }, `Set ${key} ${placeName(place)}`)
}

/** Blanks at the ends are most often a slip of copying, and the value cannot be looked at later. */
function warnOfBlanks(key: string, value: Secret, { say }: Client): void {
  if (!value.isText || !/^[ \t]|[ \t]\r?\n?$/.test(value.reveal())) return
  say(`warning: the value of ${key} begins or ends with blanks, which are part of it now`)
}

/** Bytes that are not text cross the wire as base64. */
function sendable(value: Secret): SecretValue {
  return value.isText ? value.reveal() : { base64: value.bytes().toString('base64') }
}

async function readAssignment(
  { assignment, fromFile, globals }: SetSecretOptions,
  deps: Deps,
): Promise<{ key: string; value: Secret }> {
  const inline = assignment.includes('=')
  if (inline && fromFile !== undefined) {
    throw new Fault('usage', 'KEY=VALUE and --from-file cannot be used together')
  }
  const [[key, text] = ['', '']] = parseKeyValues([inline ? assignment : `${assignment}=`], 'secrets set')
  if (inline) return { key, value: new Secret(text) }
  if (fromFile !== undefined) {
    return { key, value: new Secret(await readNamedFile(fromFile, { limitBytes: MAX_SECRET_BYTES }, deps)) }
  }
  const question = { what: `value of ${key}`, instead: key, limitBytes: MAX_SECRET_BYTES, anyBytes: true }
  return { key, value: await readSecret(deps, globals, question) }
}
