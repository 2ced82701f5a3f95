/** Valibot schemas as JSON Schema, as far as tools need it. */
import type * as v from 'valibot'

/** JSON Schema 2020-12. */
type JsonSchema = Record<string, unknown>

/** The valibot schemas and actions that tools use. */
type Schema = { kind: 'schema'; pipe?: readonly Piece[] } & (
  | { type: 'string' | 'number' | 'boolean' }
  | { type: 'picklist'; options: readonly string[] }
  | { type: 'array'; item: Schema }
  | { type: 'optional'; wrapped: Schema; default?: unknown }
  | { type: 'nullable'; wrapped: Schema }
  | { type: 'object' | 'strict_object'; entries: Record<string, Schema> }
)

type Piece =
  | Schema
  | { kind: 'metadata'; type: 'description'; description: string }
  | { kind: 'validation'; type: 'integer' | 'check' }
  | {
      kind: 'validation'
      type: 'min_value' | 'max_value' | 'min_length' | 'max_length'
      requirement: number
    }
  | { kind: 'validation'; type: 'regex'; requirement: RegExp }

/**
 * The JSON Schema of a tool's input or output, derived from the schema that checks it.
 * @throws TypeError for a kind of schema that is not translated yet: add it here
 */
export function jsonSchemaOf(schema: v.GenericSchema): JsonSchema {
  // The types of valibot do not tell its kinds of schemas apart; ours lists those that tools use.
  return describe(schema as unknown as Schema)
}

function describe(schema: Schema): JsonSchema {
  // The first part of a pipe is the schema that it refines, which can have a pipe of its own.
  const [first, ...rest] = schema.pipe ?? []
  if (first?.kind !== 'schema') return bare(schema)
  const description = { ...describe(first) }
  for (const piece of rest) Object.assign(description, constraint(piece, schema))
  return description
}

function bare(schema: Schema): JsonSchema {
  switch (schema.type) {
    case 'string':
    case 'number':
    case 'boolean':
      return { type: schema.type }
    case 'picklist':
      return { type: 'string', enum: schema.options }
    case 'array':
      return { type: 'array', items: describe(schema.item) }
    case 'optional': {
      const inner = describe(schema.wrapped)
      return schema.default === undefined ? inner : { ...inner, default: schema.default }
    }
    case 'nullable':
      return { anyOf: [describe(schema.wrapped), { type: 'null' }] }
    case 'object':
    case 'strict_object':
      return objectSchema(schema.entries, schema.type === 'strict_object')
  }
  throw new TypeError(`no JSON Schema for ${JSON.stringify((schema as { type: unknown }).type)}`)
}

function objectSchema(entries: Record<string, Schema>, strict: boolean): JsonSchema {
  const required = Object.entries(entries).filter(([, entry]) => entry.type !== 'optional')
  return {
    type: 'object',
    properties: Object.fromEntries(Object.entries(entries).map(([key, entry]) => [key, describe(entry)])),
    ...(required.length === 0 ? {} : { required: required.map(([key]) => key) }),
    ...(strict ? { additionalProperties: false } : {}),
  }
}

function constraint(piece: Piece, of: Schema): JsonSchema {
  if (piece.kind === 'schema') return {}
  switch (piece.type) {
    case 'description':
      return { description: piece.description }
    case 'integer':
      return { type: 'integer' }
    case 'min_value':
      return { minimum: piece.requirement }
    case 'max_value':
      return { maximum: piece.requirement }
    case 'min_length':
      return of.type === 'array' ? { minItems: piece.requirement } : { minLength: piece.requirement }
    case 'max_length':
      return of.type === 'array' ? { maxItems: piece.requirement } : { maxLength: piece.requirement }
    case 'regex':
      // JSON Schema has no flags; our own check applies them.
      return piece.requirement.flags === '' ? { pattern: piece.requirement.source } : {}
    case 'check':
      return {}
  }
  throw new TypeError(`no JSON Schema for ${JSON.stringify((piece as { type: unknown }).type)}`)
}
