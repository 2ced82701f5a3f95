/** Prints what the API responded to `fob api`. */
import * as v from 'valibot'
import { Fault } from '../../contract/fault.ts'
import { parseJson } from '../../platform/parse-json.ts'
import { RESET, terminalFilter } from '../../platform/terminal/control-sequence-filter.ts'
import { printable } from '../../platform/terminal/make-text-printable.ts'
import type { Output } from '../../platform/terminal/standard-streams.ts'
import type { Api, RawResponse } from '../../session/api-client.ts'
import type { Deps } from '../deps.ts'
import { printForeign, printJson } from './print.ts'

/** What is indented, or read for its message; a longer body is printed as it comes. */
const MAX_WHOLE_BYTES = 16 * 1024 * 1024

/** Prints the body as it comes; JSON on a terminal indented. @throws Fault the refusal, after its body */
export async function printResponse(
  response: RawResponse,
  { include }: { include: boolean },
  { io }: Pick<Deps, 'io'>,
): Promise<void> {
  if (include) io.stdout.write(headOf(response))
  if (response.ok && !(io.stdout.isTerminal && isJson(response))) return printPieces(response, io.stdout)
  const body = await wholeBody(response)
  printBody(body, { io })
  if (!response.ok) throw response.refusal(body)
}

/** Headers that carry what opens something. */
const SECRET_HEADERS: ReadonlySet<string> = new Set(['set-cookie', 'dpop-nonce'])

function headOf({ status, reason, headers }: RawResponse): string {
  const lines = headers.map(([name, value]) => `${name}: ${SECRET_HEADERS.has(name) ? '…' : value}`)
  const head = [`HTTP ${status} ${reason}`.trimEnd(), ...lines].map((line) => printable(line))
  return `${head.join('\n')}\n\n`
}

function isJson({ headers }: RawResponse): boolean {
  const type = headers.find(([name]) => name === 'content-type')?.[1] ?? ''
  return /^application\/(?:[\w.-]+\+)?json\b/.test(type)
}

async function printPieces(response: RawResponse, output: Output): Promise<void> {
  const filter = output.isTerminal ? terminalFilter() : undefined
  const decoder = new TextDecoder()
  const write = (text: string) => {
    const shown = filter === undefined ? text : filter.push(text)
    if (shown !== '') output.write(shown)
  }
  for await (const piece of response.pieces()) write(decoder.decode(piece, { stream: true }))
  write(decoder.decode())
  if (filter !== undefined && filter.style() !== '') output.write(RESET)
}

/** @throws Fault `server_error` for what is too large to be held in memory */
async function wholeBody(response: RawResponse): Promise<string> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of response.pieces()) {
    size += piece.length
    if (size > MAX_WHOLE_BYTES) throw new Fault('server_error', 'the response is too large')
    // Pieces share memory with what comes after them.
    pieces.push(piece.slice())
  }
  return new TextDecoder().decode(Buffer.concat(pieces))
}

function printBody(body: string, { io }: Pick<Deps, 'io'>) {
  const { stdout } = io
  const parsed = stdout.isTerminal ? parseJson(body) : undefined
  if (parsed !== undefined) return printJson(io, parsed)
  if (body === '') return
  printForeign(stdout, stdout.isTerminal && !body.endsWith('\n') ? `${body}\n` : body)
}

const page = v.looseObject({ items: v.array(v.unknown()), next: v.nullable(v.string()) })

/**
 * Prints the items of all pages of a list as one. What is not a page is printed as it is.
 * @throws Fault `server_error` when the pages do not end
 */
export async function printAllPages(
  api: Api,
  call: Parameters<Api['raw']>[0],
  { io }: Pick<Deps, 'io'>,
): Promise<void> {
  const items: unknown[] = []
  const seen = new Set<string>()
  let cursor: string | undefined
  for (;;) {
    const more = cursor === undefined ? [] : [['cursor', cursor] as const]
    const response = await api.raw({ ...call, query: [...(call.query ?? []), ...more] })
    const body = await wholeBody(response)
    const parsed = v.safeParse(page, parseJson(body))
    if (!response.ok || !parsed.success) {
      printBody(body, { io })
      if (!response.ok) throw response.refusal(body)
      return
    }
    items.push(...parsed.output.items)
    const { next } = parsed.output
    if (next === null) return printJson(io, { items, next })
    if (seen.has(next)) throw new Fault('server_error', 'the pages of the list go in a circle')
    seen.add(next)
    cursor = next
  }
}
