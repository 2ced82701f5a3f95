/** The host calls `storage.get` and `storage.set`: JSON that a pipeline stores from run to run. */
import { and, count, eq, ne, sum } from 'drizzle-orm'
import * as v from 'valibot'
import { Fault } from '../../../contract/fault.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Redactor } from '../../../redact/redactor.ts'
import type { Db } from '../../db/open-database.ts'
import { pipelines, pipelineStorage as table } from '../../db/schema.ts'
import type { HostCalls } from '../host-call-type.ts'

interface StorageCallsOptions {
  db: Db
  clock: Clock
  pipelineId: string
  redactor: Redactor
}

const MAX_KEY_LENGTH = 256
const MAX_VALUE_BYTES = 256 * 1024
/** Of one pipeline, keys and values together. */
const MAX_TOTAL_BYTES = 4 * 1024 * 1024
const MAX_KEYS = 1000

const key = v.pipe(
  v.string(),
  v.nonEmpty('is empty'),
  v.maxLength(MAX_KEY_LENGTH, `has over ${MAX_KEY_LENGTH} characters`),
)
const getRequest = v.strictObject({ key })
const setRequest = v.strictObject({ key, value: v.optional(v.unknown()) })

/** Runs of one pipeline see each other's values, and no others. A secret in a value is redacted before it is stored. */
export function createStorageCalls({ db, clock, pipelineId, redactor }: StorageCallsOptions): HostCalls {
  const isThis = (name: string) => and(eq(table.pipelineId, pipelineId), eq(table.key, name))

  /** @throws Fault `failed` where a secret was more than the content of a string, so that the rest is not JSON */
  function redacted(json: string): unknown {
    try {
      return JSON.parse(redactor.text(json))
    } catch {
      throw new Fault('failed', 'storage: the value holds a secret')
    }
  }

  function store(name: string, value: string): void {
    const bytes = Buffer.byteLength(name) + Buffer.byteLength(value)
    db.transaction(
      (tx) => {
        const pipeline = tx
          .select({ id: pipelines.id })
          .from(pipelines)
          .where(eq(pipelines.id, pipelineId))
          .get()
        if (!pipeline) throw new Fault('failed', 'storage.set: the pipeline has been deleted')
        const others = tx
          .select({ keys: count(), bytes: sum(table.bytes).mapWith(Number) })
          .from(table)
          .where(and(eq(table.pipelineId, pipelineId), ne(table.key, name)))
          .get()
        if ((others?.keys ?? 0) >= MAX_KEYS) {
          throw new Fault('failed', `storage.set: a pipeline keeps at most ${MAX_KEYS} keys`)
        }
        if ((others?.bytes ?? 0) + bytes > MAX_TOTAL_BYTES) {
          throw new Fault('failed', 'storage.set: a pipeline keeps at most 4 MiB')
        }
        const set = { value, bytes, updatedAt: clock.now() }
        tx.insert(table)
          .values({ pipelineId, key: name, ...set })
          .onConflictDoUpdate({ target: [table.pipelineId, table.key], set })
          .run()
      },
      { behavior: 'immediate' },
    )
  }

  return {
    'storage.get': async (params) => {
      const asked = parse('storage.get', getRequest, params)
      const [row] = await db.select({ value: table.value }).from(table).where(isThis(asked.key))
      // Redacted again: what was no secret when it was stored may be one now.
      return row === undefined ? null : redacted(row.value)
    },
    'storage.set': async (params) => {
      const { key: name, value = null } = parse('storage.set', setRequest, params)
      if (redactor.text(name) !== name) throw new Fault('failed', 'storage.set: the key holds a secret')
      const json = JSON.stringify(redacted(JSON.stringify(value)))
      if (Buffer.byteLength(json) > MAX_VALUE_BYTES) {
        throw new Fault('usage', `storage.set: the value has over ${MAX_VALUE_BYTES / 1024} KiB as JSON`)
      }
      if (value === null) await db.delete(table).where(isThis(name))
      else store(name, json)
      return null
    },
  }
}

function parse<S extends v.GenericSchema>(method: string, schema: S, params: unknown): v.InferOutput<S> {
  const parsed = v.safeParse(schema, params)
  if (parsed.success) return parsed.output
  const [issue] = parsed.issues
  const field = v.getDotPath(issue) ?? 'its argument'
  throw new Fault(
    'usage',
    `${method}: ${field} ${issue.message.replace(/^Invalid .*$/s, 'has the wrong type')}`,
  )
}
