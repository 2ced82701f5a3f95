/** The JSON schemas of MCP tools, and what each tool declares about itself. */
import { describe, expect, test } from 'bun:test'
import * as v from 'valibot'
import { jsonSchemaOf } from '../../../src/server/mcp/valibot-to-json-schema.ts'
import { TOOLS } from '../../../src/server/mcp/mcp.ts'

describe('a schema as hosts are told of it', () => {
  const rows: [name: string, schema: v.GenericSchema, json: Record<string, unknown>][] = [
    ['text', v.string(), { type: 'string' }],
    [
      'text with bounds and words',
      v.pipe(v.string(), v.minLength(1), v.maxLength(9), v.description('a word')),
      { type: 'string', minLength: 1, maxLength: 9, description: 'a word' },
    ],
    [
      'a pipe in a pipe',
      v.pipe(v.pipe(v.string(), v.regex(/^a$/)), v.description('an a')),
      {
        type: 'string',
        pattern: '^a$',
        description: 'an a',
      },
    ],
    [
      'a pattern with a flag, which JSON Schema has not',
      v.pipe(v.string(), v.regex(/a/i)),
      { type: 'string' },
    ],
    [
      'a whole number',
      v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(5)),
      { type: 'integer', minimum: 1, maximum: 5 },
    ],
    ['yes or no, with a default', v.optional(v.boolean(), false), { type: 'boolean', default: false }],
    ['one of some', v.picklist(['a', 'b']), { type: 'string', enum: ['a', 'b'] }],
    [
      'a list',
      v.pipe(v.array(v.string()), v.maxLength(3)),
      { type: 'array', items: { type: 'string' }, maxItems: 3 },
    ],
    ['text or nothing', v.nullable(v.string()), { anyOf: [{ type: 'string' }, { type: 'null' }] }],
    [
      'an object that takes nothing else',
      v.strictObject({ a: v.string(), b: v.optional(v.number()) }),
      {
        type: 'object',
        properties: { a: { type: 'string' }, b: { type: 'number' } },
        required: ['a'],
        additionalProperties: false,
      },
    ],
  ]
  test.each(rows)('%s', (_name, schema, json) => {
    expect(jsonSchemaOf(schema)).toEqual(json)
  })

  test.each([
    ['a schema', v.date()],
    ['an action', v.pipe(v.string(), v.email())],
  ])('%s that nobody taught it is refused, not left out', (_name, schema) => {
    expect(() => jsonSchemaOf(schema)).toThrow(TypeError)
  })
})

describe('every tool', () => {
  test.each(TOOLS.map((tool) => [tool.name, tool] as const))(
    '%s takes nothing that it does not know',
    (_name, tool) => {
      expect(jsonSchemaOf(tool.input)).toMatchObject({ type: 'object', additionalProperties: false })
      expect(jsonSchemaOf(tool.output)).toMatchObject({ type: 'object' })
      expect(tool.description.length).toBeGreaterThan(20)
    },
  )

  test('says what it does to the world, and what it needs', () => {
    const hints = TOOLS.map(({ name, scope, annotations: { readOnlyHint, destructiveHint } }) => [
      name,
      scope,
      readOnlyHint,
      destructiveHint ?? false,
    ])
    expect(hints).toEqual([
      ['list_pipelines', 'pipelines:read', true, false],
      ['get_pipeline', 'pipelines:read', true, false],
      ['run_pipeline', 'runs:trigger', false, true],
      ['list_runs', 'runs:read', true, false],
      ['get_run', 'runs:read', true, false],
      ['get_run_log', 'runs:read', true, false],
      ['stop_run', 'runs:trigger', false, true],
      ['list_secrets', 'secrets:read', true, false],
    ])
  })
})
