/** `fob api`: any call of the server's API, with the credential of the login. */
import { Fault } from '../../contract/fault.ts'
import { orAborted } from '../../platform/terminal/read-lines.ts'
import { openClient } from '../client/command-context.ts'
import { defineCommand } from '../command.ts'
import type { Deps } from '../deps.ts'
import { readNamedFile } from '../input/read-named-file.ts'
import { printAllPages, printResponse } from '../output/print-api-response.ts'
import {
  asJson,
  asQuery,
  type Field,
  type Method,
  METHODS,
  parseField,
  parseHeaders,
  parseTarget,
  typed,
} from '../parsing/api-command-arguments.ts'
import type { Globals } from '../parsing/global-flags.ts'

export const command = defineCommand({
  meta: {
    description: "Call the server's API with your credential",
    details: `METHOD can be left out: it is GET, and POST where there are fields or --input. PATH is a path on the server (/api/runs);
without a slash in front it is below /api/. Fields are the query of a GET, and of a call with --input; else they are JSON.
The body of the response goes to standard output, of a refusal too, which exits as other commands do. The credential is
never shown.`,
    examples: [
      'fob api GET runs -f status=failed -f limit=5',
      'fob api GET /api/pipelines --paginate | jq .items[].name',
      'fob api POST pipelines/deploy/run -f task="roll back" -F args[]=staging',
      'printf %s "$VALUE" | fob api PUT secrets/API_KEY -F value=@-',
    ],
  },
  args: {
    field: {
      type: 'string',
      alias: 'F',
      repeatable: true,
      valueHint: 'KEY=VALUE',
      description:
        'a field; true, false, null and numbers as such, @FILE the text of a file, @- of standard input',
    },
    'raw-field': {
      type: 'string',
      alias: 'f',
      repeatable: true,
      valueHint: 'KEY=VALUE',
      description: 'a field whose value is a text as it stands',
    },
    header: {
      type: 'string',
      alias: 'H',
      repeatable: true,
      valueHint: 'NAME: VALUE',
      description: 'one more header',
    },
    // As in gh; of the flag of that name that every command takes, --no-input is left.
    input: {
      type: 'string',
      valueHint: 'FILE',
      description: 'the body; "-" is standard input',
      negativeDescription: 'never prompt: fail and name the flag that answers',
    },
    include: {
      type: 'boolean',
      alias: 'i',
      default: false,
      description: 'print the status and the headers of the response before it',
    },
    paginate: { type: 'boolean', default: false, description: 'all pages of a list as one' },
    first: {
      type: 'positional',
      valueHint: 'METHOD',
      description: `${METHODS.join(', ')}; or the path`,
      completes: METHODS,
    },
    path: { type: 'positional', required: false, description: 'the path: /api/runs, or runs' },
  },
  run: async ({ args, globals }, deps) => {
    // False where it is `--no-input`.
    const input = typeof args.input === 'string' ? args.input : undefined
    const { field, 'raw-field': rawField, header, include, paginate } = args
    const hasBody = input !== undefined || field.length + rawField.length > 0
    const target = parseTarget(args.first, args.path, hasBody)
    if (paginate && target.method !== 'GET') throw new Fault('usage', '--paginate is for GET')
    const headers = parseHeaders(header)
    const fields = rawField.map((text) => parseField(text, '--raw-field'))
    const read = await readFields(field, deps)
    await callApi(
      { globals, ...target, headers, fields: [...fields, ...read], input, include, paginate },
      deps,
    )
  },
})

interface CallApiOptions {
  globals: Globals
  method: Method
  path: string
  headers: Record<string, string>
  fields: readonly Field[]
  /** A file, or `-`. */
  input: string | undefined
  include: boolean
  paginate: boolean
}

async function callApi(options: CallApiOptions, deps: Deps): Promise<void> {
  const { method, path, headers, fields, input, include, paginate } = options
  const body = input === undefined ? undefined : await readText(input, deps)
  const client = await openClient(deps, options.globals)
  const isQuery = method === 'GET' || method === 'HEAD' || body !== undefined
  const json = isQuery || fields.length === 0 ? undefined : asJson(fields)
  const sent = body ?? json
  const query = isQuery ? asQuery(fields) : []
  const call = { method, path, headers, query, ...(sent === undefined ? {} : { body: sent }) }
  if (paginate) return printAllPages(client.api, call, deps)
  await printResponse(await client.api.raw(call), { include }, deps)
}

async function readFields(given: readonly string[], deps: Deps): Promise<Field[]> {
  const fields: Field[] = []
  for (const text of given) {
    const { path, value } = parseField(text, '--field')
    // Standard input and files are texts, whatever they look like.
    const isFile = value.startsWith('@')
    fields.push({ path, value: isFile ? await readText(value.slice(1), deps) : typed(value) })
  }
  return fields
}

/** The server takes as much in all. */
const MAX_INPUT_BYTES = 10 * 1024 * 1024

/** @throws Fault `usage`, `prompt_needed` */
async function readText(file: string, deps: Deps): Promise<string> {
  const bytes =
    file === '-' ? await readStdin(deps) : await readNamedFile(file, { limitBytes: MAX_INPUT_BYTES }, deps)
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new Fault('usage', `${file === '-' ? 'standard input' : file} is not UTF-8 text`)
  }
}

async function readStdin({ io, signal }: Deps): Promise<Uint8Array> {
  if (io.stdin.isTerminal) {
    throw new Fault('prompt_needed', '"-" reads from a pipe, and standard input is a terminal', {
      hint: 'fob api POST PATH --input - < body.json',
    })
  }
  const bytes = await orAborted(io.stdin.readAll(MAX_INPUT_BYTES), signal)
  if (bytes === null) throw new Fault('usage', 'standard input is larger than 10 MiB')
  return bytes
}
