/** Templates of messages: their output, their mistakes, and templates that would grow or loop. */
import { describe, expect, test } from 'bun:test'
import { render } from '../../../../src/server/runs/script-notify/message-template.ts'
import { failure } from '../run-harness.ts'

const scope = { pipeline: 'deploy', status: 'failure', tasks: [{ name: 'a' }, { name: 'b' }], empty: '' }

describe('templates of messages', () => {
  test.each([
    ['Build started', 'Build started'],
    ['{{ pipeline }}: {{ status | upcase }}', 'deploy: FAILURE'],
    ['{% if status == "success" %}✅{% else %}❌{% endif %} {{pipeline}}', '❌ deploy'],
    ['{% for task in tasks %}{{ task.name }} {% endfor %}', 'a b '],
    ['{{ nothing | default: "none" }}', 'none'],
    ['{% if nothing %}x{% endif %}ok', 'ok'],
    ['a { b } c', 'a { b } c'],
    ['{{ tasks | where: "name", "b" | map: "name" | first }}', 'b'],
    ['{{ tasks | sort: "name" | map: "name" | join }}', 'a b'],
  ])('%p gives %p', async (template, text) => expect(await render(template, scope, undefined)).toBe(text))

  test.each([
    ['an unknown name', '{{ nothing }}', 'undefined variable: nothing'],
    ['an unknown filter', '{{ pipeline | nope }}', 'undefined filter: nope'],
    ['an unfinished tag', '{% if status %}', 'not closed'],
    ['a file', '{% include "/etc/passwd" %}', ''],
    ['another file', '{% render "../../etc/passwd" %}', ''],
    ['a layout', '{% layout "/etc/passwd" %}', ''],
    ['the prototype', '{{ pipeline.constructor }}', 'undefined variable'],
    ['the prototype of a list', '{{ tasks.__proto__ }}', 'undefined variable'],
    ['the prototype of all', '{{ __proto__.polluted }}', 'undefined variable'],
    ['too long a template', '{{ pipeline }}'.repeat(10_000), 'over 65536 characters'],
  ])('%s is refused', async (_name, template, reason) => {
    const error = await failure(render(template, scope, undefined))
    expect(String(error)).toContain(reason)
    expect(String(error)).not.toContain('root:')
  })

  const many = Array.from({ length: 100_000 }, () => 'x')
  test.each([
    ['a loop in a loop', '{% for i in (1..9999) %}{% for j in (1..9999) %}x{% endfor %}{% endfor %}'],
    [
      'an empty loop',
      '{% for i in (1..900) %}{% for j in (1..900) %}{% for k in (1..900) %}{% endfor %}{% endfor %}{% endfor %}',
    ],
    ['a long range', '{% for i in (1..100000000) %}{% endfor %}'],
    [
      'text that doubles',
      `{% assign a = "xxxxxxxxxxxxxxxx" %}${'{% assign a = a | append: a %}'.repeat(40)}{{ a }}`,
    ],
    [
      'a replacement that grows',
      `{% assign a = "aaaaaaaaaaaaaaaa" %}${'{% assign a = a | replace: "a", "aaaaaaaaaaaaaaaa" %}'.repeat(10)}{{ a }}`,
    ],
    ['a capture that grows', `${'{% capture a %}{{a}}{{a}}xxxxxxxx{% endcapture %}'.repeat(40)}{{ a }}`],
    ['brackets in brackets', `{{ ${'['.repeat(20_000)} }}`],
    ['filters behind filters', `{{ status ${'| append: status '.repeat(3000)} }}`],
    ['much padding', '{{ "now" | date: "%1000000000Y" }}'],
    [
      'markup to strip',
      `{% assign a = "<<<<<<<<<<<<<<<<" %}${'{% assign a = a | append: a %}'.repeat(14)}{{ a | strip_html }}`,
    ],
    ['an expression for each element', `{{ many ${'| where_exp: "x", "x != 1 and x != 2" '.repeat(20)}}}`],
    ['a long path in each element', `{{ many | map: "${'size.'.repeat(12_000)}size" }}`],
    ['order by a long path', `{{ many | sort: "${'size.'.repeat(12_000)}size" }}`],
    ['order again and again', `{{ many ${'| sort: "a.b.c.d.e" '.repeat(900)}}}`],
  ])('%s ends soon, whatever it gives', async (_name, template) => {
    // Processor time: other programs on the machine do not count.
    const { user, system } = process.threadCpuUsage()
    await failure(render(template, { ...scope, many }, undefined))
    const used = process.threadCpuUsage()
    expect((used.user + used.system - user - system) / 1000).toBeLessThan(1500)
  })
})
